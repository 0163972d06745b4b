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

/** A stage that writes its input into a file and counts how often it was made. */
function counting(name: string, content: string) {
	const count = { made: 0 };
	const stage: Stage = {
		name,
		module: import.meta.filename,
		inputs: { content },
		async make({ folder }) {
			count.made += 1;
			await writeFile(join(folder, "result"), content);
		},
	};
	return { stage, count };
}

test("an unchanged stage is made once and then taken from the cache", async (t) => {
	const { stage, count } = counting("once", "a");
	const first = await runStage(stage, { useCache: true, report });
	const second = await runStage(stage, { useCache: true, report });
	t.is(count.made, 1);
	t.deepEqual([first.fromCache, second.fromCache], [false, true]);
	t.is(await readFile(join(second.folder, "result"), "utf8"), "a");
});

test("another input gives another result, and the old one stays", async (t) => {
	const a = await runStage(counting("two", "a").stage, {
		useCache: true,
		report,
	});
	const b = await runStage(counting("two", "b").stage, {
		useCache: true,
		report,
	});
	t.not(a.folder, b.folder);
	t.is(await readFile(join(a.folder, "result"), "utf8"), "a");
});

test("without the cache a stage is made anew", async (t) => {
	const { stage, count } = counting("anew", "a");
	await runStage(stage, { useCache: true, report });
	await runStage(stage, { useCache: false, report });
	t.is(count.made, 2);
});

test("results that were not used lately make room for new ones", async (t) => {
	for (const content of "abcdefgh")
		await runStage(counting("many", content).stage, { useCache: true, report });
	const left = await readdir(join(cache, "stages/many"));
	t.is(left.length, 4);
});

test("the work of a build that was interrupted is removed by the next", async (t) => {
	const { stage } = counting("interrupted", "a");
	const abandoned = join(cache, "stages/interrupted/.999999999");
	await mkdir(abandoned, { recursive: true });
	const { folder } = await runStage(stage, { useCache: true, report });
	t.deepEqual(await readdir(join(cache, "stages/interrupted")), [
		basename(folder),
	]);
});

test("a stage that fails leaves no result and a log of what its commands printed", async (t) => {
	const stage: Stage = {
		name: "failing",
		module: import.meta.filename,
		inputs: {},
		async make({ $, folder }) {
			await writeFile(join(folder, "half"), "");
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
