import test from "ava";
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
