import { cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { $ } from "zx";
import { cacheFolder } from "../pipeline/cache.ts";

const projectFolder = join(import.meta.dirname, "..");

/**
 * A cache of its own with what a build may take from outside: Debian's package lists and
 * packages, and the compiled kernel.
 */
async function emptyCache(folder: string): Promise<string> {
	const cache = join(folder, "cache");
	await mkdir(join(cache, "stages"), { recursive: true });
	for (const input of ["apt", "debs"])
		await symlink(join(cacheFolder(), input), join(cache, input));
	await cp(
		join(cacheFolder(), "stages/kernel-x86_64"),
		join(cache, "stages/kernel-x86_64"),
		{ recursive: true, preserveTimestamps: true },
	);
	return cache;
}

test("a build from an empty cache gives the bytes of the build before", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "app-platform-reproducible-"));
	try {
		const again = join(folder, "out");
		await $({
			cwd: projectFolder,
			env: { ...process.env, APP_PLATFORM_CACHE: await emptyCache(folder) },
			quiet: true,
		})`node --import=tsx build.ts x86_64 --offline --output ${again}`;
		const sums = (out: string) =>
			readFile(join(out, "x86_64/SHA256SUMS"), "utf8");
		t.is(await sums(again), await sums(join(projectFolder, "out")));
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
});
