import { readdir, realpath, rm } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { librariesOf, libraryDirectories } from "../../pipeline/elf.ts";

/** Libraries that no program links to: the C library loads them at run time. */
const loadedByName = /^(libnss_(files|dns|compat)|libgcc_s)\.so\./;

/**
 * Removes the libraries of a rootfs tree that no program or plugin in it needs.
 * @throws Error when a needed library is missing.
 */
export async function removeUnusedLibraries(tree: string): Promise<void> {
	const directories = await libraryDirectories(tree);
	const libraries: string[] = [];
	const programs: string[] = [];
	for (const entry of await readdir(tree, {
		recursive: true,
		withFileTypes: true,
	})) {
		const path = relative(tree, join(entry.parentPath, entry.name));
		const isLibrary =
			directories.includes(dirname(path)) && /\.so(\.|$)/.test(entry.name);
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
