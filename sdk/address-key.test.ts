import test from "ava";
import fc from "fast-check";
import { addressKey } from "./address-key.ts";

test("an IPv6 /64 has one key", (t) => {
	t.is(addressKey("2001:db8:1:2::5"), "2001:db8:1:2");
	t.is(addressKey("2001:0db8:0001:0002:ffff:ffff:ffff:ffff"), "2001:db8:1:2");
	t.not(addressKey("2001:db8:1:3::5"), addressKey("2001:db8:1:2::5"));
	t.is(addressKey("::1"), "0:0:0:0");
	t.is(addressKey("fe80::"), "fe80:0:0:0");
	t.is(addressKey("::ffff:10.0.0.1"), "10.0.0.1");
	t.is(addressKey(undefined), "unknown");
});

test("two IPv6 addresses have the same key exactly if their first 64 bits are equal", (t) => {
	const half = fc.array(fc.integer({ min: 0, max: 0xffff }), {
		minLength: 4,
		maxLength: 4,
	});
	const long = (parts: number[]) =>
		parts.map((part) => part.toString(16).padStart(4, "0")).join(":");
	const short = (parts: number[]) =>
		new URL(`http://[${long(parts)}]`).hostname.slice(1, -1);
	fc.assert(
		// An IPv4-mapped address begins with zeros.
		fc.property(half, half, half, half, (a, b, c, d) => {
			fc.pre(a.some((part) => part > 0) && c.some((part) => part > 0));
			const key = addressKey(long([...a, ...b]));
			t.is(addressKey(short([...a, ...d])), key);
			t.is(addressKey(short([...c, ...d])) === key, long(a) === long(c));
		}),
	);
});
