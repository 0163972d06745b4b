import { chmod, cp, lstat, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { permissions } from "../board/permissions.ts";
import type { Target } from "../board/target.ts";
import { bootMenuFile } from "../partitioning/boot-menu.ts";
import { type Release, releaseFile } from "./release.ts";

/**
 * Copies overlay files. Modes are those that git keeps, whatever the umask of the checkout,
 * or those in the table of permissions.
 */
export async function copyOverlay(from: string, to: string): Promise<void> {
	await cp(from, to, { recursive: true, verbatimSymlinks: true });
	await chmod(to, 0o755);
	await setModes(from, to, await readdir(from, { recursive: true }));
}

/** The same for some files of an overlay, at `to` already. */
export async function setModes(
	from: string,
	to: string,
	paths: readonly string[],
): Promise<void> {
	for (const path of paths) {
		const status = await lstat(join(from, path));
		if (status.isSymbolicLink()) continue;
		const isOpen = status.isDirectory() || (status.mode & 0o100) !== 0;
		await chmod(join(to, path), permissions[path] ?? (isOpen ? 0o755 : 0o644));
	}
}

/** Files of system and ramdisk that follow from what is built: lines that a shell can source. */
export function generatedFiles(
	{ layout }: Target,
	release: Release,
): Record<string, string> {
	const keys = release.trustedKeys.map(
		(key, index) => [`etc/app-platform-keys/${index + 1}.pub`, key] as const,
	);
	return {
		...Object.fromEntries(keys),
		"etc/app-platform-release": releaseFile(release),
		"usr/lib/app-platform/boot-menu.sh": bootMenuFile(layout.bootLoader),
	};
}

/** Writes the generated files into a tree. */
export async function writeGeneratedFiles(
	tree: string,
	target: Target,
	release: Release,
): Promise<void> {
	const files = Object.entries(generatedFiles(target, release));
	for (const [path, content] of files) {
		await mkdir(dirname(join(tree, path)), { recursive: true });
		await writeFile(join(tree, path), content);
	}
}
