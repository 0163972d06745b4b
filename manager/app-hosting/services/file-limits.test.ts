import test from "ava";
import { maxFileUse, parseReport, shareOf } from "./file-limits.ts";

const disk = { kib: 1_000, files: 100 };
const none = { kib: 0, files: 0 };

test("the limit is half of the disk, but leaves earlier files a quarter more", (t) => {
	const max = (earlier = none) =>
		maxFileUse({ disk, earlier, megabytes: null });
	t.deepEqual(max(), { kib: 500, files: 50 });
	t.deepEqual(max({ kib: 400, files: 40 }), { kib: 500, files: 50 });
	t.deepEqual(max({ kib: 600, files: 60 }), { kib: 750, files: 75 });
});

test("the setting counts in MB, whatever was there", (t) => {
	const earlier = { kib: 600, files: 60 };
	const { kib } = maxFileUse({ disk, earlier, megabytes: 16 });
	t.is(kib, 15_625);
});

test("the larger share counts", (t) => {
	t.is(shareOf({ kib: 250, files: 5 }, { kib: 500, files: 50 }), 0.5);
	t.is(shareOf({ kib: 250, files: 45 }, { kib: 500, files: 50 }), 0.9);
});

test("a report has a line for each user", (t) => {
	const uses = parseReport("2000 20 2 500 50\n2001 0 0 0 0\n");
	t.deepEqual(
		[...uses],
		[
			[2000, { used: { kib: 20, files: 2 }, max: { kib: 500, files: 50 } }],
			[2001, { used: none, max: none }],
		],
	);
	t.is(parseReport("").size, 0);
	t.throws(() => parseReport("2000 20 2 500"), { message: /2000 20 2 500/ });
});
