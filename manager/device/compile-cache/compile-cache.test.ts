import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { bundleProgram } from "../../bundle.ts";

const directory = await mkdtemp(join(tmpdir(), "app-platform-test-"));
const preload = join(directory, "compile-cache");
await bundleProgram(join(import.meta.dirname, "compile-cache.ts"), preload);
test.after.always(() => rm(directory, { recursive: true }));

/** Writes a program that prints a word. @returns its file. */
async function writeProgram(name: string, word: string): Promise<string> {
	const file = join(directory, name);
	const source = `#!/usr/bin/node
		const say = (word) => console.log(word, require("node:path").basename(__filename), require.main === module);
		say("${word}"); ${name === "crashing" ? "process.abort()" : ""}`;
	await writeFile(file, source);
	return file;
}

async function outputOf(file: string): Promise<string> {
	const { stdout } = await promisify(execFile)(process.execPath, [
		`--require=${preload}`,
		file,
	]);
	return stdout;
}

test("a program starts from its cache until the cache is deleted", async (t) => {
	const file = await writeProgram("kept", "one");
	t.is(await outputOf(file), "one kept true\n");
	// The output shows that the cache was used: V8 compares only the length of the source.
	await writeProgram("kept", "two");
	t.is(await outputOf(file), "one kept true\n");
	await rm(`${file}.cache`);
	t.is(await outputOf(file), "two kept true\n");
});

test("a cache that V8 refuses is replaced", async (t) => {
	const file = await writeProgram("refused", "one");
	await outputOf(file);
	const good = await readFile(`${file}.cache`);
	for (const wrong of ["", "garbage", good.subarray(0, good.length / 2)]) {
		await writeFile(`${file}.cache`, wrong);
		t.is(await outputOf(file), "one refused true\n");
		t.is((await readFile(`${file}.cache`)).length, good.length);
	}
});

test("a program that crashes starts without its cache the next time", async (t) => {
	const file = await writeProgram("crashing", "one");
	await writeFile(`${file}.cache`, "may be the cause");
	await t.throwsAsync(outputOf(file));
	await t.throwsAsync(access(`${file}.cache`));
});
