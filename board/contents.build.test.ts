import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { cacheDirectory } from "../pipeline/cache.ts";
import { assertContents } from "./contents.ts";
import { targets } from "./target.ts";

const overlays = ["both", "system"].map((name) =>
	join(import.meta.dirname, "../overlay", name),
);

/** Returns the rootfs tree that a build used last; undefined if there is none. */
async function lastTree(stage: string): Promise<string | undefined> {
	const directory = join(cacheDirectory(), "stages", stage);
	const names = await readdir(directory).catch(() => []);
	const results = names.filter((name) => !name.startsWith("."));
	const withTimes = await Promise.all(
		results.map(async (name) => ({
			tree: join(directory, name, "tree"),
			usedMs: (await stat(join(directory, name))).mtimeMs,
		})),
	);
	return withTimes.sort((a, b) => b.usedMs - a.usedMs)[0]?.tree;
}

const trees = await Promise.all(
	targets.map(async (target) => ({
		target,
		debian: await lastTree(`base-${target.name}`),
		buildroot: await lastTree(`buildroot-base-${target.name}`),
	})),
);

for (const { target, debian, buildroot } of trees) {
	test(`Debian's base for ${target.name} has all required contents`, async (t) => {
		if (!debian) return t.fail("build it first");
		await t.notThrowsAsync(assertContents(target, [debian, ...overlays]));
	});

	const testIfBuilt = buildroot ? test : test.skip; // The build takes hours.
	testIfBuilt(
		`Buildroot's base for ${target.name} has all required contents`,
		async (t) => {
			const layers = [buildroot ?? "", ...overlays];
			await t.notThrowsAsync(assertContents(target, layers));
		},
	);
}
