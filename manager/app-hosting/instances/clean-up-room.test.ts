import test from "ava";
import { missingRoom } from "./clean-up-room.ts";

const mb = 1_000_000;

test("a table fits when it and its log do", (t) => {
	const longestLogBytes = 1000 * mb;
	const missing = (largestTable: number, free: number) =>
		missingRoom({
			largestTableBytes: largestTable * mb,
			longestLogBytes,
			freeBytes: free * mb,
		});
	t.is(missing(100, 200), undefined);
	t.is(
		missing(100, 199),
		"The largest table has 100 MB, and to write it anew 200 MB are needed: only 199 MB are free",
	);
	t.is(missing(5000, 6000), undefined);
	t.regex(missing(5000, 5999) ?? "", /6.0 GB are needed/);
});
