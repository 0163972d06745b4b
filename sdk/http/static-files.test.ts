import { posix } from "node:path";
import test from "ava";
import fc from "fast-check";
import { filePathOf, isVisible } from "./static-files.ts";

test("a URL names a file, a directory its index page", (t) => {
	for (const [url, path] of [
		["/", "index.html"],
		["/?a=/../b#c", "index.html"],
		["/a/", "a/index.html"],
		["/a/b.js?v=1", "a/b.js"],
		["/F%C3%BC%C3%9Fe%20%26.txt", "Füße &.txt"],
		["/100%25.txt", "100%.txt"],
		["/%252e%252e", "%2e%2e"],
		["/a..b", "a..b"],
	] as const)
		t.is(filePathOf(url), path, url);
});

test("hidden files and paths out of the directory are refused", (t) => {
	for (const url of [
		...["", "a", "//", "//a", "/a//b", "http://a/b", "*"],
		...["/..", "/../a", "/a/..", "/a/../b", "/./a", "/.git", "/a/.env"],
		...["/%2e%2e/a", "/%2E%2e%2fa", "/a%2fb", "/a%2Fb", "/%2fetc/passwd"],
		...["/a%00.js", "/a%0a", "/a%5c..%5cb", "/a\\b"],
		...["/%", "/%zz", "/%c0%ae%c0%ae", "/%ff"],
	])
		t.is(filePathOf(url), undefined, url);
	t.true(isVisible("") && isVisible("a/b.c"));
	t.false(isVisible("..") || isVisible("../a") || isVisible("a/.b"));
});

test("no URL leads out of the directory or to a hidden file", (t) => {
	const piece = fc.oneof(
		fc.constantFrom(
			"/",
			"..",
			".",
			"%2e",
			"%2F",
			"%5c",
			"%25",
			"%00",
			"\\",
			"?",
		),
		fc.string({ unit: "binary", maxLength: 3 }),
	);
	fc.assert(
		fc.property(fc.array(piece), (pieces) => {
			const path = filePathOf(`/${pieces.join("")}`);
			if (path === undefined) return;
			t.is(posix.resolve("/web", path), `/web/${path}`);
			t.true(isVisible(path));
		}),
		{ numRuns: 1_000 },
	);
});
