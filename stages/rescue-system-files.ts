import { access, lstat, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, normalize, relative } from "node:path";
import { glob } from "zx";
import { rescueCommands } from "../board/contents.ts";
import { librariesOf } from "../pipeline/elf.ts";

/**
 * Patterns of paths that the rescue system takes from the rootfs tree. Shared libraries are not listed:
 * those that the programs need are added.
 */
const treePaths: readonly string[] = [
	"{bin,sbin,lib,lib64}",
	"{dev,proc,sys,run,tmp}",
	"usr/{bin,sbin}/{__commands__}".replace(
		"__commands__",
		rescueCommands.map(escapeGlob).join(),
	),
	// The dynamic linker under the name in the programs.
	"usr/{lib,lib64}/ld-linux*",
	// The C library loads it when a thread ends; without it, HAProxy aborts.
	"usr/lib/{*-linux-*/,}libgcc_s.so.1",
	"usr/lib/openssh/sftp-server",
	"usr/lib/sftp-server",
	"usr/lib/{*/security,security}/pam_{unix,rootok,faildelay}.so",
	"usr/sbin/unix_chkpwd",
	"etc/mke2fs.conf",
	// The capabilities of terminals, for top and bash.
	"usr/share/terminfo/{l/linux,v/vt100,v/vt102,x/xterm,x/xterm-256color}",
];

/** Patterns of paths that only targets with a screen and a keyboard have. */
const optionalTreePaths: readonly string[] = ["usr/share/keymaps/i386/**"];

/**
 * Returns the paths that the rescue system takes from a rootfs tree: the selected programs, the libraries
 * they need and the targets of links among them.
 */
export async function rescueSystemPaths(tree: string): Promise<string[]> {
	const programs = [
		...(await selectPaths(tree, treePaths)),
		...(await matches(tree, optionalTreePaths)),
	];
	const libraries = await librariesOf(tree, programs);
	return withLinkTargets(tree, [...programs, ...libraries]);
}

/**
 * Returns the rescue system's files that are identical in the installed system: the rootfs archive leaves
 * them out, and the installation copies them from the rescue system.
 * @param overlays directories laid over either system.
 */
export async function commonPaths(
	tree: string,
	overlays: readonly string[],
): Promise<string[]> {
	const common: string[] = [];
	for (const path of await rescueSystemPaths(tree)) {
		const isProgram =
			path.startsWith("usr/") && (await lstat(join(tree, path))).isFile();
		const replaced = await Promise.all(
			overlays.map((directory) => exists(join(directory, path))),
		);
		if (isProgram && !replaced.includes(true)) common.push(path);
	}
	return common;
}

/**
 * Returns the paths in a directory that match the patterns.
 * @throws Error for a pattern without a match.
 */
export async function selectPaths(
	directory: string,
	patterns: readonly string[],
): Promise<string[]> {
	for (const pattern of patterns)
		if ((await matches(directory, [pattern])).length === 0)
			throw new Error(
				`the rescue system needs ${pattern}, but no file matches`,
			);
	return matches(directory, patterns);
}

async function matches(
	directory: string,
	patterns: readonly string[],
): Promise<string[]> {
	const paths = await glob([...patterns], {
		cwd: directory,
		dot: true,
		onlyFiles: false,
		followSymbolicLinks: false,
	});
	const root = await realpath(directory);
	const own = paths.map((path) => toCanonicalPath(root, path));
	return [...new Set(await Promise.all(own))].sort();
}

/** Resolves links among the path's directories: if usr/lib64 links to lib, a file has two paths. */
async function toCanonicalPath(root: string, path: string): Promise<string> {
	const parent = await realpath(join(root, dirname(path)));
	return relative(root, join(parent, basename(path)));
}

/** Returns the paths and the targets of the symbolic links among them. */
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

function escapeGlob(name: string): string {
	return name.replaceAll(/[[\]]/g, "\\$&");
}

async function exists(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}
