import test from "ava";
import { parseRelease, readRelease } from "./release.ts";

test("reads version, build and target", (t) => {
	t.deepEqual(parseRelease("VERSION=1.0.0\nBUILD=130001\nTARGET=x86_64\n"), {
		version: "1.0.0",
		build: 130001,
		target: "x86_64",
	});
});

test("ignores quotes, comments and other lines", (t) => {
	t.deepEqual(
		parseRelease('# image\nTARGET="arm"\nX=1\nBUILD=2\nVERSION="1.1"\n'),
		{ version: "1.1", build: 2, target: "arm" },
	);
});

test("the lowest build that may replace it", (t) => {
	const text = "VERSION=1.0.0\nBUILD=130001\nTARGET=arm\n";
	t.is(parseRelease(`${text}MINIMUM_BUILD=120000\n`).minimumBuild, 120_000);
	t.throws(() => parseRelease(`${text}MINIMUM_BUILD=all\n`));
});

test("an incomplete release is refused", (t) => {
	t.throws(() => parseRelease(""));
	t.throws(() => parseRelease("VERSION=1.0.0\nTARGET=arm\n"));
	t.throws(() => parseRelease("VERSION=1.0.0\nBUILD=new\nTARGET=arm\n"));
});

test("no release file means no image", async (t) => {
	t.is(await readRelease("/does/not/exist"), undefined);
});
