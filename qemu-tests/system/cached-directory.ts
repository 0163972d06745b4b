import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory, contentHash, withLock } from "../machine/index.ts";

const keepUnusedDays = 7;

/**
 * Returns a directory of the cache that is filled once per built image and reused by other test files and later runs.
 * @param kind the first part of its name.
 * @param image a file on whose content it depends.
 * @param also anything else it depends on.
 */
export async function cachedDirectory(
	kind: string,
	image: string,
	make: (directory: string) => Promise<void>,
	also = "",
): Promise<string> {
	const all = cacheDirectory("qemu-tests");
	const key = createHash("sha256")
		.update(await contentHash(image))
		.update(also)
		.digest("hex");
	const directory = join(all, `${kind}-${key.slice(0, 16)}`);
	await mkdir(all, { recursive: true });
	const lock = `${directory}.lock`;
	return withLock(lock, async () => {
		if (!existsSync(directory)) {
			await removeUnused(all, kind);
			const partial = `${directory}.partial`;
			await rm(partial, { recursive: true, force: true });
			await mkdir(partial);
			await make(partial);
			await rename(partial, directory);
		}
		for (const used of [directory, lock])
			await utimes(used, new Date(), new Date());
		return directory;
	});
}

async function removeUnused(all: string, kind: string): Promise<void> {
	for (const name of await readdir(all)) {
		if (!name.startsWith(`${kind}-`)) continue;
		const path = join(all, name);
		const ageMs = Date.now() - (await stat(path)).mtimeMs;
		if (ageMs > keepUnusedDays * 24 * 60 * 60_000)
			await rm(path, { recursive: true, force: true });
	}
}
