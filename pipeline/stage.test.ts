import { mkdtempSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import test from "ava";
import { runStage, type Stage, StageError } from "./stage.ts";

const cache = mkdtempSync(join(tmpdir(), "app-platform-stages-"));
process.env.APP_PLATFORM_CACHE = cache;
test.after.always(() => rm(cache, { recursive: true, force: true }));

const report = () => {};

/** A stage that writes its input to a file and counts its runs. */
function countingStage(name: string, content: string) {
	const count = { made: 0 };
	const stage: Stage = {
		name,
		module: import.meta.filename,
		inputs: { content },
		async make({ directory }) {
			count.made += 1;
			await writeFile(join(directory, "result"), content);
		},
	};
	return { stage, count };
}

test("an unchanged stage runs once and is then taken from the cache", async (t) => {
	const { stage, count } = countingStage("once", "a");
	const first = await runStage(stage, { useCache: true, report });
	const second = await runStage(stage, { useCache: true, report });
	t.is(count.made, 1);
	t.deepEqual([first.fromCache, second.fromCache], [false, true]);
	t.is(await readFile(join(second.directory, "result"), "utf8"), "a");
});

test("a changed input gives a new result and keeps the old one", async (t) => {
	const a = await runStage(countingStage("two", "a").stage, {
		useCache: true,
		report,
	});
	const b = await runStage(countingStage("two", "b").stage, {
		useCache: true,
		report,
	});
	t.not(a.directory, b.directory);
	t.is(await readFile(join(a.directory, "result"), "utf8"), "a");
});

test("without the cache a stage runs again", async (t) => {
	const { stage, count } = countingStage("again", "a");
	await runStage(stage, { useCache: true, report });
	await runStage(stage, { useCache: false, report });
	t.is(count.made, 2);
});

test("new results replace the least recently used ones", async (t) => {
	for (const content of "abcdefgh")
		await runStage(countingStage("many", content).stage, {
			useCache: true,
			report,
		});
	const left = await readdir(join(cache, "stages/many"));
	t.is(left.length, 4);
});

test("the next build removes the work of an interrupted one", async (t) => {
	const { stage } = countingStage("interrupted", "a");
	const abandoned = join(cache, "stages/interrupted/.999999999");
	await mkdir(abandoned, { recursive: true });
	const { directory } = await runStage(stage, { useCache: true, report });
	t.deepEqual(await readdir(join(cache, "stages/interrupted")), [
		basename(directory),
	]);
});

test("a failed stage leaves no result, and its log has the output of its commands", async (t) => {
	const stage: Stage = {
		name: "failing",
		module: import.meta.filename,
		inputs: {},
		async make({ $, directory }) {
			await writeFile(join(directory, "half"), "");
			await $`echo what went wrong; exit 3`;
		},
	};
	const error = await t.throwsAsync<StageError>(
		runStage(stage, { useCache: true, report }),
		{ instanceOf: StageError },
	);
	t.regex(await readFile(error?.logPath as string, "utf8"), /what went wrong/);
	t.deepEqual(await readdir(join(cache, "stages/failing")), []);
});
