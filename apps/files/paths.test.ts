import test from "ava";
import fc from "fast-check";
import { hrefOf, isWithin, parsePath, parseReference } from "./paths.ts";

const instancePath = "/example.com/files/";
const statusOf = (url: string) => {
	try {
		parsePath(url);
	} catch (error) {
		return (error as { status?: number }).status;
	}
	return undefined;
};

test("a URL is parsed to a path and formatted again", (t) => {
	t.deepEqual(parsePath("/dav"), []);
	t.deepEqual(parsePath("/dav/"), []);
	t.is(parsePath("/"), undefined);
	t.is(parsePath("/david/a"), undefined);
	const path = ["a b", "100% & <more>", "Füße 😀"];
	const href = hrefOf(path, true, instancePath);
	t.true(href.startsWith("/example.com/files/dav/a%20b/100%25%20"));
	t.deepEqual(parsePath(`/${href.slice(instancePath.length)}?query`), path);
});

test("composed and decomposed letters are the same", (t) => {
	t.deepEqual(parsePath("/dav/e%CC%81"), parsePath("/dav/%C3%A9"));
});

test("names that lead elsewhere, are not printable or are too long are refused", (t) => {
	for (const name of [
		...["..", ".", "%2e%2e", ".%2E", "a/../b", "a//b", "/b"],
		...["a%2Fb", "%00", "a%0Ab", "%C2%85", "%EF%BF%BF"],
		...["%", "%zz", "%FF", "%ED%A0%80", "a#b"],
	])
		t.is(statusOf(`/dav/${name}`), 400, name);
	t.is(statusOf(`/dav/${"a".repeat(255)}`), undefined);
	t.is(statusOf(`/dav/${"a".repeat(256)}`), 414);
	t.is(statusOf(`/dav/${"%F0%9F%98%80".repeat(64)}`), 414);
	t.is(statusOf("/dav/".padEnd(5 + 2 * 64, "a/")), undefined);
	t.is(statusOf("/dav/".padEnd(5 + 2 * 65, "a/")), 414);
});

test("a reference must name this host and instance", (t) => {
	const parse = (text: string) =>
		parseReference(text, "device:8443", instancePath);
	t.deepEqual(parse("https://device:8443/example.com/files/dav/a"), ["a"]);
	t.deepEqual(parse("/example.com/files/dav/a/"), ["a"]);
	for (const text of [
		"https://other/example.com/files/dav/a",
		"https://device/example.com/files/dav/a",
		"https://device:8443/example.com/other/dav/a",
		"https://device:8443/example.com/files/dav/../../notes/",
		"/example.com/files/a",
		"https://",
		"/example.com/files/dav/a#b",
	])
		t.throws(() => parse(text), { name: "Error" }, text);
});

test("a path is within itself and its ancestors", (t) => {
	t.true(isWithin(["a", "b"], ["a"]));
	t.true(isWithin(["a"], ["a"]));
	t.true(isWithin(["a"], []));
	t.false(isWithin(["a"], ["a", "b"]));
	t.false(isWithin(["ab"], ["a"]));
});

test("any path is the same after formatting and parsing", (t) => {
	const name = fc
		.oneof(
			fc.string({ unit: "grapheme", maxLength: 20 }),
			fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
		)
		.map((one) => one.normalize("NFC"))
		.filter(
			(one) => statusOf(`/dav/${encodeURIComponent(one)}/`) === undefined,
		);
	fc.assert(
		fc.property(
			fc.array(name, { maxLength: 5 }),
			fc.boolean(),
			(path, slash) => {
				const href = hrefOf(path, slash, instancePath);
				t.deepEqual(parsePath(`/${href.slice(instancePath.length)}`), path);
				t.deepEqual(parseReference(href, "device:8443", instancePath), path);
			},
		),
	);
});
