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

/** Library names and their paths: those directly in usr/lib and in usr/lib/<architecture>. */
async function libraryIndex(tree: string): Promise<Map<string, string>> {
	const index = new Map<string, string>();
	const top = await readdir(join(tree, LIBRARY_FOLDER), {
		withFileTypes: true,
	});
	const folders = top
		.filter((entry) => entry.isDirectory() && entry.name.includes("-linux-"))
		.map((entry) => join(LIBRARY_FOLDER, entry.name));
	for (const folder of [LIBRARY_FOLDER, ...folders])
		for (const name of await readdir(join(tree, folder)))
			if (name.includes(".so")) index.set(name, join(folder, name));
	return index;
}

/** Names of the libraries and interpreters that ELF files ask for; other files ask for none. */
async function neededBy(files: readonly string[]): Promise<Set<string>> {
	const { stdout } =
		await $`readelf --wide --dynamic --program-headers ${files}`
			.nothrow()
			.quiet();
	const needed = stdout.matchAll(/\(NEEDED\).*\[(.+)\]/g);
	const interpreters = stdout.matchAll(/program interpreter: (.+)\]/g);
	return new Set([
		...[...needed].map((match) => match[1] as string),
		...[...interpreters].map((match) => basename(match[1] as string)),
	]);
}
