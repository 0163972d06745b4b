import test from "ava";
import { maxFilesPerApp, parseFileList, parseSums } from "./catalogue.ts";

test("an app's files are in its directory or below it", (t) => {
	t.deepEqual(parseFileList("notes,web/index.html,web/a/b-c_d.js.br\n"), [
		...["notes", "web/index.html", "web/a/b-c_d.js.br"],
	]);
	for (const list of [
		...["", ",", "a,", "a, b", "/a", "a/", "a//b", "../a", "a/../b", "a/./b"],
		...["a/.b", ".a", "a\\b", "a\0b", "ä", "a,a", "a,a/b", "a/b,a", "a b"],
		...["manager", "instances/1/x", "instances", "a.new", "web/x.sock"],
		`a/${"b".repeat(64)}`,
		"a/".repeat(110),
		Array.from({ length: maxFilesPerApp + 1 }, (_, n) => n).join(","),
	])
		t.throws(() => parseFileList(list), undefined, list);
});

test("checksums are parsed by path", (t) => {
	const sum = "0".repeat(64);
	const path = "x86_64/notes/web/index.html";
	t.is(parseSums(`${sum}  ${path}\n`).get(path), sum);
	for (const text of ["", sum, `${sum} ${path}`, `x${sum}  ${path}`])
		t.throws(() => parseSums(text), undefined, text);
});
