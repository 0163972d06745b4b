import test from "ava";
import { missingSpaceMessage } from "./clean-up-space.ts";

const mb = 1_000_000;

test("a table fits if its copy and the write-ahead log fit", (t) => {
	const maxWalBytes = 1000 * mb;
	const message = (largestTable: number, free: number) =>
		missingSpaceMessage({
			largestTableBytes: largestTable * mb,
			maxWalBytes,
			freeBytes: free * mb,
		});
	t.is(message(100, 200), undefined);
	t.is(
		message(100, 199),
		"The largest table has 100 MB: rewriting it needs 200 MB, but only 199 MB are free",
	);
	t.is(message(5000, 6000), undefined);
	t.regex(message(5000, 5999) ?? "", /needs 6.0 GB/);
});
