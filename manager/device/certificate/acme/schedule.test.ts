import test from "ava";
import { nextOrderMs, orderDelayMs } from "./schedule.ts";

const dayMs = 86_400_000;
const now = Date.parse("2026-03-01T00:00:00Z");
const lasting = (days: number, usedDays: number) => ({
	validFrom: new Date(now - usedDays * dayMs).toISOString(),
	validUntil: new Date(now + (days - usedDays) * dayMs).toISOString(),
});
const well = { isIssued: true, failures: 0, lastFailureMs: 0 };

test("ordered at once where there is none yet", (t) => {
	const orders = { ...well, isIssued: false };
	t.true(nextOrderMs(orders, undefined, now) <= now);
	t.true(nextOrderMs(orders, lasting(3650, 0), now) <= now);
});

test("renewed 30 days before the end, short ones in their last third", (t) => {
	t.is(nextOrderMs(well, lasting(90, 0), now), now + 60 * dayMs);
	t.is(nextOrderMs(well, lasting(6, 0), now), now + 4 * dayMs);
	t.true(nextOrderMs(well, lasting(90, 61), now) < now);
});

test("failures delay it, longer and longer", (t) => {
	const delays = [1, 2, 3, 8, 1000].map(orderDelayMs);
	t.deepEqual(delays, [900_000, 1_800_000, 3_600_000, dayMs, dayMs]);
	const failed = { ...well, failures: 2, lastFailureMs: now };
	t.is(nextOrderMs(failed, lasting(90, 89), now), now + 1_800_000);
	// Before it is due at all, they change nothing.
	t.is(nextOrderMs(failed, lasting(90, 0), now), now + 60 * dayMs);
});

test("a clock that was set back does not stop it", (t) => {
	const failed = { isIssued: false, failures: 1, lastFailureMs: now + 1e12 };
	t.is(nextOrderMs(failed, undefined, now), now + 900_000);
});
