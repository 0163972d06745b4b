import { execFile } from "node:child_process";
import { access, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { bundleProgram } from "../../bundle.ts";

// Costs a second.
const folder = await mkdtemp(join(tmpdir(), "app-platform-test-"));
const preload = join(folder, "compile-cache");
await bundleProgram(join(import.meta.dirname, "program.ts"), preload);
test.after.always(() => rm(folder, { recursive: true }));

/** @returns the program's file, in which it says the word. */
async function programSaying(name: string, word: string): Promise<string> {
	const file = join(folder, name);
	const source = `#!/usr/bin/node
		const say = (word) => console.log(word, require("node:path").basename(__filename), require.main === module);
		say("${word}"); ${name === "crashing" ? "process.abort()" : ""}`;
	await writeFile(file, source);
	return file;
}

async function said(file: string): Promise<string> {
	const { stdout } = await promisify(execFile)(process.execPath, [
		`--require=${preload}`,
		file,
	]);
	return stdout;
}

test("a program starts from what is kept, whose owner deletes it with the program", async (t) => {
	const file = await programSaying("kept", "one");
	t.is(await said(file), "one kept true\n");
	// V8 compares lengths alone: this shows that it was used.
	await programSaying("kept", "two");
	t.is(await said(file), "one kept true\n");
	await rm(`${file}.cache`);
	t.is(await said(file), "two kept true\n");
});

test("what V8 refuses is made again", async (t) => {
	const file = await programSaying("refused", "one");
	await said(file);
	const good = await readFile(`${file}.cache`);
	for (const wrong of ["", "garbage", good.subarray(0, good.length / 2)]) {
		await writeFile(`${file}.cache`, wrong);
		t.is(await said(file), "one refused true\n");
		t.is((await readFile(`${file}.cache`)).length, good.length);
	}
});

test("a program that crashes starts without it the next time", async (t) => {
	const file = await programSaying("crashing", "one");
	await writeFile(`${file}.cache`, "may be why");
	await t.throwsAsync(said(file));
	await t.throwsAsync(access(`${file}.cache`));
});
