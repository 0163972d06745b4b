import test from "ava";
import {
	maxPerAddress,
	maxPerNetwork,
	PendingLogins,
} from "./pending-logins.ts";

test("one address is limited, another is not", (t) => {
	const pendingLogins = new PendingLogins();
	const remove = Array.from({ length: maxPerAddress }, () =>
		pendingLogins.add("10.0.0.1"),
	);
	t.is(pendingLogins.add("10.0.0.1"), undefined);
	t.truthy(pendingLogins.add("10.0.0.2"));
	remove[0]?.();
	remove[0]?.(); // Counts once.
	t.truthy(pendingLogins.add("10.0.0.1"));
	t.is(pendingLogins.add("10.0.0.1"), undefined);
});

test("many addresses together are limited, the private network is not locked out", (t) => {
	const pendingLogins = new PendingLogins();
	for (let i = 0; i < maxPerNetwork; i++)
		t.truthy(pendingLogins.add(`8.8.8.${i}`));
	t.is(pendingLogins.add("9.9.9.9"), undefined);
	t.truthy(pendingLogins.add("192.168.0.1"));
});
