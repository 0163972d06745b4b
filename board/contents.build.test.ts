import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { cacheFolder } from "../pipeline/cache.ts";
import { refuseMissingContents } from "./contents.ts";
import { targets } from "./target.ts";

const overlay = join(import.meta.dirname, "../rootfs-overlay");

/** The rootfs tree that a build used last; undefined where there was none. */
async function lastTree(stage: string): Promise<string | undefined> {
	const folder = join(cacheFolder(), "stages", stage);
	const names = await readdir(folder).catch(() => []);
	const results = names.filter((name) => !name.startsWith("."));
	const withTimes = await Promise.all(
		results.map(async (name) => ({
			tree: join(folder, name, "tree"),
			usedMs: (await stat(join(folder, name))).mtimeMs,
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
	test(`Debian's base for ${target.name} has what must be on the image`, async (t) => {
		if (!debian) return t.fail("build it first");
		await t.notThrowsAsync(refuseMissingContents(target, [debian, overlay]));
	});

	const testIfBuilt = buildroot ? test : test.skip; // It takes hours.
	testIfBuilt(
		`Buildroot's base for ${target.name} has what must be on the image`,
		async (t) => {
			const layers = [buildroot ?? "", overlay];
			await t.notThrowsAsync(refuseMissingContents(target, layers));
		},
	);
}
