import test from "ava";
import { failedPrecondition, isRangeWanted } from "./preconditions.ts";

const modified = new Date("2026-01-02T03:04:05.678Z");
const version = { etag: '"e"', modified };
const date = modified.toUTCString();
const earlier = "Thu, 01 Jan 2026 00:00:00 GMT";
const later = "Sat, 03 Jan 2026 00:00:00 GMT";

test("conditions on reading", (t) => {
	const read = (headers: Record<string, string>) =>
		failedPrecondition(headers, version, true);
	t.is(read({}), undefined);
	t.is(read({ "if-none-match": '"e"' }), 304);
	t.is(read({ "if-none-match": '"f", W/"e"' }), 304);
	t.is(read({ "if-none-match": '"f"' }), undefined);
	t.is(read({ "if-modified-since": date }), 304);
	t.is(read({ "if-modified-since": earlier }), undefined);
	t.is(read({ "if-modified-since": "rubbish" }), undefined);
	t.is(read({ "if-modified-since": later, "if-none-match": '"f"' }), undefined);
	t.is(read({ "if-match": '"f"' }), 412);
});

test("conditions on writing", (t) => {
	const write = (headers: Record<string, string>, isThere = true) =>
		failedPrecondition(headers, isThere ? version : undefined, false);
	t.is(write({ "if-match": '"e"' }), undefined);
	t.is(write({ "if-match": '"f"' }), 412);
	t.is(write({ "if-match": "*" }), undefined);
	t.is(write({ "if-match": "*" }, false), 412);
	t.is(write({ "if-none-match": "*" }), 412);
	t.is(write({ "if-none-match": "*" }, false), undefined);
	t.is(write({ "if-unmodified-since": date }), undefined);
	t.is(write({ "if-unmodified-since": earlier }), 412);
	t.is(write({ "if-modified-since": date }), undefined);
});

test("If-Range must match the current version", (t) => {
	t.true(isRangeWanted({}, version));
	t.true(isRangeWanted({ "if-range": '"e"' }, version));
	t.false(isRangeWanted({ "if-range": '"f"' }, version));
	t.true(isRangeWanted({ "if-range": date }, version));
	t.false(isRangeWanted({ "if-range": earlier }, version));
});
