import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { $ } from "zx";

/** The dynamic linker's directory in a rootfs tree; it has one more for each architecture below it. */
const LIBRARY_DIRECTORY = "usr/lib";

/**
 * Returns the libraries that programs of a tree need, directly or not, and the dynamic linker, as paths
 * relative to the tree.
 * @throws Error when one is not in the tree.
 */
export async function librariesOf(
	tree: string,
	programs: readonly string[],
): Promise<string[]> {
	const libraries = await libraryIndex(tree);
	const found = new Set<string>();
	let unread = [...programs];
	while (unread.length > 0) {
		const names = await neededBy(unread.map((path) => join(tree, path)));
		unread = [];
		for (const name of names) {
			const path = libraries.get(name);
			if (!path) throw new Error(`the library ${name} is not in the tree`);
			if (!found.has(path)) unread.push(path);
			found.add(path);
		}
	}
	return [...found].sort();
}

/** Returns the library directories: usr/lib and usr/lib/<architecture>. */
export async function libraryDirectories(tree: string): Promise<string[]> {
	const top = await readdir(join(tree, LIBRARY_DIRECTORY), {
		withFileTypes: true,
	});
	const directories = top
		.filter((entry) => entry.isDirectory() && entry.name.includes("-linux-"))
		.map((entry) => join(LIBRARY_DIRECTORY, entry.name));
	return [LIBRARY_DIRECTORY, ...directories];
}

/** Maps library names to paths, including libraries in a program's own directory (sudo). */
async function libraryIndex(tree: string): Promise<Map<string, string>> {
	const all = await readdir(tree, { recursive: true });
	const index = new Map(
		all
			.filter((path) => basename(path).includes(".so"))
			.map((path) => [basename(path), path]),
	);
	for (const directory of await libraryDirectories(tree))
		for (const name of await readdir(join(tree, directory)))
			if (name.includes(".so")) index.set(name, join(directory, name));
	return index;
}

/** Keeps the command line within its limit. */
const FILES_PER_CALL = 500;

/** Returns the names of the libraries and interpreters that ELF files need; other files are ignored. */
async function neededBy(files: readonly string[]): Promise<Set<string>> {
	const names = new Set<string>();
	for (let start = 0; start < files.length; start += FILES_PER_CALL) {
		const some = files.slice(start, start + FILES_PER_CALL);
		const { stdout } =
			await $`readelf --wide --dynamic --program-headers ${some}`
				.nothrow()
				.quiet();
		for (const [, name] of stdout.matchAll(/\(NEEDED\).*\[(.+)\]/g))
			names.add(name as string);
		for (const [, path] of stdout.matchAll(/program interpreter: (.+)\]/g))
			names.add(basename(path as string));
	}
	return names;
}
