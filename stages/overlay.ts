import { chmod, cp, lstat, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Target } from "../board/target.ts";
import { bootMenuFile } from "../partitioning/boot-menu.ts";
import { layoutFile } from "../partitioning/layout.ts";
import { osReleaseFile, type Release, releaseFile } from "./release.ts";

const directory = join(import.meta.dirname, "../overlay");

/** Directories of files that are laid over the base system as they are, and are in nothing else. */
export const systemOverlays = [
	join(directory, "both"),
	join(directory, "system"),
];
/** The same for the rescue system. */
export const rescueOverlays = [
	join(directory, "both"),
	join(directory, "rescue"),
];

/**
 * Modes in the rootfs and the rescue system that git cannot keep (it knows only the executable bit).
 * Everything belongs to root; files of other users are created on the device.
 */
const permissions: Readonly<Record<string, number>> = {
	"etc/sudoers": 0o440,
	"mnt/sda2/system/shadow": 0o600,
	tmp: 0o1777,
	"var/tmp": 0o1777,
};

/**
 * Copies overlays into a tree. Modes are those that git keeps, independent of the umask of the checkout, or
 * those in `permissions`.
 */
export async function copyOverlays(
	overlays: readonly string[],
	to: string,
): Promise<void> {
	for (const overlay of overlays) await copyOverlay(overlay, to);
}

async function copyOverlay(from: string, to: string): Promise<void> {
	await cp(from, to, { recursive: true, verbatimSymlinks: true });
	await chmod(to, 0o755);
	for (const path of await readdir(from, { recursive: true })) {
		const status = await lstat(join(from, path));
		if (status.isSymbolicLink()) continue;
		const isOpen = status.isDirectory() || (status.mode & 0o100) !== 0;
		await chmod(join(to, path), permissions[path] ?? (isOpen ? 0o755 : 0o644));
	}
}

/** Generated files of the system and the rescue system; a shell can source all but the keys. */
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
		"usr/lib/os-release": osReleaseFile(release),
		"usr/lib/app-platform/boot-menu.sh": bootMenuFile(layout.bootLoader),
		"usr/lib/app-platform/layout.sh": layoutFile(layout),
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
