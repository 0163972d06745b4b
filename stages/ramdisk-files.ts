import { access, lstat, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, normalize, relative } from "node:path";
import { glob } from "zx";
import { optionalTreePaths, treePaths } from "../initramfs/contents.ts";
import { librariesOf } from "../pipeline/elf.ts";

/**
 * Paths of what the ramdisk takes from a rootfs tree: the chosen programs, the libraries they
 * need, and what links among them point to.
 */
export async function filesFromTree(tree: string): Promise<string[]> {
	const programs = [
		...(await choose(tree, treePaths)),
		...(await matches(tree, optionalTreePaths)),
	];
	const libraries = await librariesOf(tree, programs);
	return withLinkTargets(tree, [...programs, ...libraries]);
}

/**
 * Those of them that are the same in the installed system: the rootfs archive leaves them out,
 * and the installation copies them from the ramdisk. `overlays` are the folders laid over either.
 */
export async function filesInCommon(
	tree: string,
	overlays: readonly string[],
): Promise<string[]> {
	const common: string[] = [];
	for (const path of await filesFromTree(tree)) {
		const isProgram =
			path.startsWith("usr/") && (await lstat(join(tree, path))).isFile();
		const replaced = await Promise.all(
			overlays.map((folder) => isThere(join(folder, path))),
		);
		if (isProgram && !replaced.includes(true)) common.push(path);
	}
	return common;
}

/** The paths in a folder that the patterns name; throws for a pattern that names none. */
export async function choose(
	folder: string,
	patterns: readonly string[],
): Promise<string[]> {
	for (const pattern of patterns)
		if ((await matches(folder, [pattern])).length === 0)
			throw new Error(`the ramdisk wants ${pattern}, which is not there`);
	return matches(folder, patterns);
}

async function matches(
	folder: string,
	patterns: readonly string[],
): Promise<string[]> {
	const paths = await glob([...patterns], {
		cwd: folder,
		dot: true,
		onlyFiles: false,
		followSymbolicLinks: false,
	});
	const root = await realpath(folder);
	const own = paths.map((path) => withoutLinks(root, path));
	return [...new Set(await Promise.all(own))].sort();
}

/** The path without links among its folders: where usr/lib64 is a link to lib, a file has two. */
async function withoutLinks(root: string, path: string): Promise<string> {
	const parent = await realpath(join(root, dirname(path)));
	return relative(root, join(parent, basename(path)));
}

/** The paths, with all that the symbolic links among them point to. */
async function withLinkTargets(
	tree: string,
	paths: readonly string[],
): Promise<string[]> {
	const all = new Set<string>();
	const add = async (path: string): Promise<void> => {
		if (all.has(path)) return;
		all.add(path);
		const stats = await lstat(join(tree, path));
		if (!stats.isSymbolicLink()) return;
		const target = await readlink(join(tree, path));
		const next = target.startsWith("/")
			? target.slice(1)
			: normalize(join(dirname(path), target));
		await add(next.replace(/^(bin|sbin|lib)\//, "usr/$1/"));
	};
	for (const path of paths) await add(path);
	return [...all].sort();
}

async function isThere(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}
