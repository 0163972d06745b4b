import test from "ava";
import fc from "fast-check";
import { parseRange } from "./send-content.ts";

test("a single range is parsed, others are ignored", (t) => {
	const range = (header: string) => parseRange(header, 100);
	t.deepEqual(range("bytes=0-9"), { first: 0, last: 9 });
	t.deepEqual(range("bytes=90-"), { first: 90, last: 99 });
	t.deepEqual(range("bytes=90-1000"), { first: 90, last: 99 });
	t.deepEqual(range("bytes=-10"), { first: 90, last: 99 });
	t.deepEqual(range("bytes=-1000"), { first: 0, last: 99 });
	t.deepEqual(range("bytes=99-99"), { first: 99, last: 99 });
	for (const header of ["bytes=100-", "bytes=-0", "bytes=100-200"])
		t.is(range(header), "none", header);
	for (const header of [
		...["bytes=-", "bytes=9-0", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b"],
	])
		t.is(range(header), undefined, header);
	t.is(parseRange(undefined, 100), undefined);
	t.is(parseRange("bytes=0-0", 0), "none");
	t.is(parseRange("bytes=-1", 0), "none");
});

test("any range lies within the content", (t) => {
	const position = fc.oneof(
		fc.constant(""),
		fc.bigInt({ min: 0n }).map(String),
	);
	fc.assert(
		fc.property(position, position, fc.nat(), (from, to, sizeBytes) => {
			const range = parseRange(`bytes=${from}-${to}`, sizeBytes);
			if (range === undefined || range === "none") return;
			t.true(0 <= range.first && range.first <= range.last);
			t.true(range.last < sizeBytes);
		}),
	);
});
