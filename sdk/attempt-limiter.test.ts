import test from "ava";
import { AttemptLimiter, longestDelayMs } from "./attempt-limiter.ts";

function limiter(maxSources?: number) {
	const clock = { nowMs: 0 };
	const attempts = new AttemptLimiter({
		now: () => clock.nowMs,
		...(maxSources !== undefined && { maxSources }),
	});
	return { clock, attempts };
}

test("the delay grows with each failure, up to a limit", (t) => {
	const { clock, attempts } = limiter();
	const delaysMs: number[] = [];
	for (let n = 0; n < 15; n += 1) {
		attempts.fail("a");
		delaysMs.push(attempts.delayMs("a"));
		clock.nowMs += attempts.delayMs("a");
		t.is(attempts.delayMs("a"), 0);
	}
	t.deepEqual(delaysMs.slice(0, 7), [0, 0, 0, 0, 2_000, 4_000, 8_000]);
	t.is(delaysMs.at(-1), longestDelayMs);
	t.is(attempts.delayMs("b"), 0);
});

test("an hour without a failure is forgiven", (t) => {
	const { clock, attempts } = limiter();
	for (let n = 0; n < 20; n += 1) attempts.fail("a");
	clock.nowMs += 60 * 60_000;
	attempts.fail("a");
	t.is(attempts.delayMs("a"), 0);
});

test("the same attempt again is not counted", (t) => {
	const { attempts } = limiter();
	for (let n = 0; n < 20; n += 1) attempts.fail("a", "old");
	t.is(attempts.delayMs("a"), 0);
	for (let n = 0; n < 4; n += 1) attempts.fail("a", `guess ${n}`);
	t.true(attempts.delayMs("a") > 0);
});

test("the number of sources is limited, the most recent stay", (t) => {
	const { attempts } = limiter(100);
	for (let n = 0; n < 5; n += 1) attempts.fail("first");
	for (let n = 0; n < 99; n += 1) attempts.fail(`other ${n}`);
	t.true(attempts.delayMs("first") > 0);
	attempts.fail("one more");
	t.is(attempts.delayMs("first"), 0);
	t.is(attempts.failures("other 98"), 1);
});
