import test from "ava";
import { parseUploadPart } from "./upload-part.ts";

test("parses which part of the file a request announces", (t) => {
	const length = { "content-length": "2000" };
	const range = (text: string) => ({ ...length, "content-range": text });
	t.deepEqual(parseUploadPart(length, {}), { offset: 0, totalBytes: 2_000 });
	t.deepEqual(parseUploadPart({}, {}), { offset: 0, totalBytes: undefined });
	t.deepEqual(parseUploadPart(length, { offset: "500" }), {
		offset: 500,
		totalBytes: 2_500,
	});
	// What curl -C 1000 sends.
	t.deepEqual(parseUploadPart(range("bytes 1000-2999/3000"), {}), {
		offset: 1_000,
		totalBytes: 3_000,
	});
	t.deepEqual(parseUploadPart(range("bytes 0-1999/*"), {}), {
		offset: 0,
		totalBytes: undefined,
	});
	for (const [headers, query] of [
		[range("bytes 1000-2998/3000"), {}],
		[range("bytes 1000-2999/2999"), {}],
		[range("bytes 2999-1000/3000"), {}],
		[range("bytes -5-1994/3000"), {}],
		[range("lines 0-1999/2000"), {}],
		[range("bytes 1000-2999/3000"), { offset: "999" }],
		[length, { offset: "-1" }],
		[length, { offset: "x" }],
	] as const)
		t.throws(
			() => parseUploadPart(headers, query),
			undefined,
			JSON.stringify(query),
		);
});
