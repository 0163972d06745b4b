import test from "ava";
import { nextOrderMs, orderDelayMs } from "./schedule.ts";

const dayMs = 86_400_000;
const now = Date.parse("2026-03-01T00:00:00Z");
const lasting = (days: number, usedDays: number) => ({
	validFrom: new Date(now - usedDays * dayMs).toISOString(),
	validUntil: new Date(now + (days - usedDays) * dayMs).toISOString(),
});
const succeeded = { isIssued: true, failures: 0, lastFailureMs: 0 };

test("orders at once if there is no certificate yet", (t) => {
	const orders = { ...succeeded, isIssued: false };
	t.true(nextOrderMs(orders, undefined, now) <= now);
	t.true(nextOrderMs(orders, lasting(3650, 0), now) <= now);
});

test("renews 30 days before the expiry, short-lived certificates in their last third", (t) => {
	t.is(nextOrderMs(succeeded, lasting(90, 0), now), now + 60 * dayMs);
	t.is(nextOrderMs(succeeded, lasting(6, 0), now), now + 4 * dayMs);
	t.true(nextOrderMs(succeeded, lasting(90, 61), now) < now);
});

test("failures delay the next order with a growing delay", (t) => {
	const delays = [1, 2, 3, 8, 1000].map(orderDelayMs);
	t.deepEqual(delays, [900_000, 1_800_000, 3_600_000, dayMs, dayMs]);
	const failed = { ...succeeded, failures: 2, lastFailureMs: now };
	t.is(nextOrderMs(failed, lasting(90, 89), now), now + 1_800_000);
	// Before the renewal is due, failures change nothing.
	t.is(nextOrderMs(failed, lasting(90, 0), now), now + 60 * dayMs);
});

test("orders continue after the clock was set back", (t) => {
	const failed = { isIssued: false, failures: 1, lastFailureMs: now + 1e12 };
	t.true(nextOrderMs(failed, undefined, now) <= now + 900_000);
	// The order is due at that time.
	const later = now + 900_000;
	t.true(nextOrderMs(failed, undefined, later) <= later);
});
