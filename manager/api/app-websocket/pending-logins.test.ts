import test from "ava";
import {
	maxPerAddress,
	maxStrangers,
	PendingLogins,
} from "./pending-logins.ts";

function pendingLogins() {
	const pending = new PendingLogins();
	const dropped: string[] = [];
	return {
		dropped,
		add: (address: string, name = address, isKnown = false) =>
			pending.add(address, isKnown, () => dropped.push(name)),
	};
}

test("one address loses its own oldest connection, not others'", (t) => {
	const { add, dropped } = pendingLogins();
	add("10.0.0.2");
	const remove = Array.from({ length: maxPerAddress }, (_, n) =>
		add("10.0.0.1", `first ${n}`),
	);
	t.deepEqual(dropped, []);
	add("10.0.0.1", "newcomer");
	t.deepEqual(dropped, ["first 0"]);
	remove[1]?.();
	add("10.0.0.1", "another");
	t.deepEqual(dropped, ["first 0"]);
});

test("5,000 connections from many addresses keep nobody out", (t) => {
	const { add, dropped } = pendingLogins();
	for (let n = 0; n < 5_000; n += 1)
		add(`10.1.${n % 40}.${n % 5}`, `attacker ${n}`);
	t.is(dropped.length, 5_000 - maxStrangers);
	add("192.0.2.1", "PBX");
	for (let n = 0; n < 100; n += 1)
		add(`10.1.${n % 40}.${n % 5}`, `attacker ${n}`);
	t.false(dropped.includes("PBX"));
});

test("all of loopback is one address", (t) => {
	const { add, dropped } = pendingLogins();
	for (let n = 0; n <= maxPerAddress; n += 1) add(`127.0.${n}.1`);
	t.deepEqual(dropped, ["127.0.0.1"]);
});

test("strangers do not displace an address with an earlier login", (t) => {
	const { add, dropped } = pendingLogins();
	add("192.0.2.1", "PBX", true);
	for (let n = 0; n < 5_000; n += 1) add(`10.${n >> 8}.${n & 255}.1`);
	t.false(dropped.includes("PBX"));
});
