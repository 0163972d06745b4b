import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { $ } from "zx";

/** Folders of a rootfs tree in which the dynamic linker looks, besides those of the architecture. */
const LIBRARY_FOLDER = "usr/lib";

/**
 * The libraries that programs of a tree need, with the libraries that those need, and the
 * dynamic linker; paths are relative to the tree. Throws when one is not in the tree.
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

/** Where libraries are: usr/lib and usr/lib/<architecture>. */
export async function libraryFolders(tree: string): Promise<string[]> {
	const top = await readdir(join(tree, LIBRARY_FOLDER), {
		withFileTypes: true,
	});
	const folders = top
		.filter((entry) => entry.isDirectory() && entry.name.includes("-linux-"))
		.map((entry) => join(LIBRARY_FOLDER, entry.name));
	return [LIBRARY_FOLDER, ...folders];
}

/** Library names and their paths: also of those that a program has beside itself (sudo). */
async function libraryIndex(tree: string): Promise<Map<string, string>> {
	const all = await readdir(tree, { recursive: true });
	const index = new Map(
		all
			.filter((path) => basename(path).includes(".so"))
			.map((path) => [basename(path), path]),
	);
	for (const folder of await libraryFolders(tree))
		for (const name of await readdir(join(tree, folder)))
			if (name.includes(".so")) index.set(name, join(folder, name));
	return index;
}

/** As many as fit into one command line. */
const FILES_PER_CALL = 500;

/** Names of the libraries and interpreters that ELF files ask for; other files ask for none. */
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
