import { cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { $ } from "zx";
import { cacheDirectory } from "../pipeline/cache.ts";

const projectDirectory = join(import.meta.dirname, "..");

/**
 * Creates a cache that contains only Debian's package lists and packages and the compiled kernel.
 */
async function emptyCache(directory: string): Promise<string> {
	const cache = join(directory, "cache");
	await mkdir(join(cache, "stages"), { recursive: true });
	for (const input of ["apt", "debs"])
		await symlink(join(cacheDirectory(), input), join(cache, input));
	await cp(
		join(cacheDirectory(), "stages/kernel-x86_64"),
		join(cache, "stages/kernel-x86_64"),
		{ recursive: true, preserveTimestamps: true },
	);
	return cache;
}

test("a build from an empty cache gives the same bytes as the previous build", async (t) => {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-reproducible-"));
	try {
		const again = join(directory, "out");
		await $({
			cwd: projectDirectory,
			env: { ...process.env, APP_PLATFORM_CACHE: await emptyCache(directory) },
			quiet: true,
		})`node --import=tsx build.ts x86_64 --offline --output ${again}`;
		const sums = (out: string) =>
			readFile(join(out, "x86_64/SHA256SUMS"), "utf8");
		t.is(await sums(again), await sums(join(projectDirectory, "out")));
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
});
