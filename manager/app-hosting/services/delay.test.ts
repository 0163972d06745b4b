import test from "ava";
import { RestartDelay } from "./delay.ts";

test("the delay doubles up to a minute and begins anew after a healthy time", (t) => {
	const delay = new RestartDelay();
	const delays = Array.from({ length: 8 }, () => delay.after(10));
	t.deepEqual(
		delays,
		[1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1_000),
	);
	t.true(delay.isLoop(0));
	t.false(delay.isLoop(60_000));
	t.is(delay.after(60_000), 1_000);
	t.false(delay.isLoop(0));
});
