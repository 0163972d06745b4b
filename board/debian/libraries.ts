import { readdir, realpath, rm } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { librariesOf, libraryFolders } from "../../pipeline/elf.ts";

/** Libraries that no program names: they are loaded by the C library when it wants them. */
const loadedByName = /^(libnss_(files|dns|compat)|libgcc_s)\.so\./;

/**
 * Removes the libraries of a rootfs tree that no program or plugin in it needs.
 * Throws when one that is needed is missing.
 */
export async function removeUnusedLibraries(tree: string): Promise<void> {
	const folders = await libraryFolders(tree);
	const libraries: string[] = [];
	const programs: string[] = [];
	for (const entry of await readdir(tree, {
		recursive: true,
		withFileTypes: true,
	})) {
		const path = relative(tree, join(entry.parentPath, entry.name));
		const isLibrary =
			folders.includes(dirname(path)) && /\.so(\.|$)/.test(entry.name);
		if (isLibrary && !loadedByName.test(basename(path))) libraries.push(path);
		else if (entry.isFile()) programs.push(path);
	}
	const needed = await librariesOf(tree, programs);
	const kept = new Set(
		await Promise.all(needed.map((path) => realpath(join(tree, path)))),
	);
	for (const path of libraries) {
		const target = await realpath(join(tree, path)).catch(() => undefined);
		if (!target || !kept.has(target)) await rm(join(tree, path));
	}
}
