import test from "ava";
import { isOptimizationDue, nextOptimization } from "./next-optimization.ts";

process.env.TZ = "Europe/Berlin"; // Clocks change on 29 March and 25 October 2026.
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const next = (after: string, hour: number, offsetMs = 0) =>
	nextOptimization(new Date(after), hour, offsetMs).toISOString();

test("is due at the hour of local time, today or tomorrow", (t) => {
	t.is(next("2026-07-01T12:00:00+02:00", 22), "2026-07-01T20:00:00.000Z");
	t.is(next("2026-07-01T22:00:00+02:00", 22), "2026-07-02T20:00:00.000Z");
	t.is(next("2026-12-31T23:30:00+01:00", 22), "2027-01-01T21:00:00.000Z");
});

test("the offset may reach into the next day", (t) => {
	const offsetMs = 7 * hourMs;
	t.is(
		next("2026-07-02T04:59:00+02:00", 22, offsetMs),
		"2026-07-02T03:00:00.000Z",
	);
	t.is(
		next("2026-07-02T05:00:00+02:00", 22, offsetMs),
		"2026-07-03T03:00:00.000Z",
	);
});

test("an hour skipped in spring is the next one", (t) => {
	t.is(next("2026-03-28T12:00:00+01:00", 2), "2026-03-29T01:00:00.000Z");
	t.is(next("2026-03-29T03:00:00+02:00", 2), "2026-03-30T00:00:00.000Z");
});

test("an hour repeated in autumn counts once", (t) => {
	const first = "2026-10-25T00:00:00.000Z";
	t.is(next("2026-10-24T12:00:00+02:00", 2), first);
	t.is(next(first, 2), "2026-10-26T01:00:00.000Z");
});

test("is due exactly once every night, whatever the hour and the offset", (t) => {
	for (const hour of [0, 1, 2, 3, 12, 22, 23])
		for (const offsetMs of [0, 3.5 * hourMs, 7 * hourMs]) {
			let count = 0;
			let lastCheck = new Date("2026-03-01T00:00:00Z");
			const end = new Date("2026-11-01T00:00:00Z");
			while (lastCheck < end) {
				const now = new Date(lastCheck.getTime() + 10 * minuteMs);
				if (isOptimizationDue(lastCheck, now, hour, offsetMs)) count++;
				lastCheck = now;
			}
			const days = 245;
			t.true(Math.abs(count - days) <= 1, `${hour} + ${offsetMs}: ${count}`);
		}
});

test("setting the clock at the first start makes nothing due", (t) => {
	t.false(isOptimizationDue(new Date(0), new Date("2026-07-01"), 22, 0));
	t.false(isOptimizationDue(new Date("2026-07-01"), new Date(0), 22, 0));
});
