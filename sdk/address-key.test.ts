import test from "ava";
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
