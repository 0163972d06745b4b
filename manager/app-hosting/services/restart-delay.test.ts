import test from "ava";
import { RestartDelay } from "./restart-delay.ts";

test("the delay doubles up to a minute and is reset by a healthy run", (t) => {
	const delay = new RestartDelay();
	const delays = Array.from({ length: 8 }, () => delay.afterCrash(10));
	t.deepEqual(
		delays,
		[1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1_000),
	);
	t.true(delay.isCrashLoop(0));
	t.false(delay.isCrashLoop(60_000));
	t.is(delay.afterCrash(60_000), 1_000);
	t.false(delay.isCrashLoop(0));
});
