import test from "ava";
import fc from "fast-check";
import { addressKey } from "./address-key.ts";

test("an IPv6 /64 has one key", (t) => {
	t.is(addressKey("2001:db8:1:2::5"), "2001:db8:1:2");
	t.is(addressKey("2001:0db8:0001:0002:ffff:ffff:ffff:ffff"), "2001:db8:1:2");
	t.not(addressKey("2001:db8:1:3::5"), addressKey("2001:db8:1:2::5"));
	t.is(addressKey("fe80::"), "fe80:0:0:0");
	t.is(addressKey("fe80::1%eth0"), "fe80:0:0:0");
	t.is(addressKey(undefined), "unknown");
});

test("an IPv4 address has one key, however it is written", (t) => {
	for (const address of ["10.0.0.1", "::ffff:10.0.0.1", "::FFFF:0a00:1"])
		t.is(addressKey(address), "10.0.0.1");
	t.not(addressKey("10.0.0.2"), addressKey("10.0.0.1"));
});

test("loopback has one key", (t) => {
	for (const address of [
		...["127.0.0.1", "127.1.2.3", "127.255.255.254"],
		...["::1", "0:0:0:0:0:0:0:1", "::ffff:127.9.9.9", "::ffff:7f01:203"],
	])
		t.is(addressKey(address), "loopback", address);
	t.not(addressKey("128.0.0.1"), "loopback");
	t.not(addressKey("::2"), "loopback");
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
