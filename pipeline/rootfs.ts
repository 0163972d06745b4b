import {
	chmod,
	copyFile,
	cp,
	mkdir,
	readdir,
	rm,
	stat,
	writeFile,
} from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { rootfsTree } from "../board/base.ts";
import { refuseMissingContents } from "../board/contents.ts";
import { permissions } from "../board/permissions.ts";
import type { Target } from "../board/target.ts";
import { writeTarXz } from "./archive.ts";
import { hashOfPaths } from "./hash.ts";
import { hostToolVersions } from "./host.ts";
import { type Release, releaseFile } from "./release.ts";
import type { Stage, StageResult } from "./stage.ts";

const projectFolder = join(import.meta.dirname, "..");
const overlayFolder = join(projectFolder, "rootfs-overlay");
/** Where the rootfs keeps the manager; S92manager installs it from there to /apps/manager. */
const MANAGER_PATH = "usr/lib/app-platform/manager/manager";

export const baseArchiveFile = ({ folder }: StageResult) =>
	`${folder}/base.tar.xz`;
export const rootfsArchiveFile = ({ folder }: StageResult) =>
	`${folder}/rootfs.tar.xz`;

/**
 * Compresses the base system. Apart from our own files, because it takes minutes: a build in
 * which only the manager changed takes it from the cache.
 */
export async function baseArchiveStage(
	target: Target,
	base: StageResult,
	release: Release,
): Promise<Stage> {
	return {
		name: `base archive ${target.name}`,
		inputs: {
			base: base.key,
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
			code: await hashOfPaths(
				import.meta.filename,
				join(import.meta.dirname, "archive.ts"),
			),
		},
		async make({ $, report }) {
			report("compressing");
			await writeTarXz($, {
				folder: rootfsTree(base),
				outputFile: "base.tar.xz",
				epochSeconds: release.epochSeconds,
				xzFilter: target.xzFilter,
			});
		},
	};
}

/**
 * The rootfs archive: the base, then the overlay, the manager and the release file. Compressed
 * streams and archives may be joined end to end; later files take the place of earlier ones.
 */
export async function rootfsStage(
	target: Target,
	parts: { base: StageResult; archive: StageResult; manager: StageResult },
	release: Release,
): Promise<Stage> {
	return {
		name: `rootfs ${target.name}`,
		inputs: {
			archive: parts.archive.key,
			manager: parts.manager.key,
			overlay: await hashOfPaths(overlayFolder),
			release: releaseFile(release),
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
			code: await hashOfPaths(
				import.meta.filename,
				join(projectFolder, "board/contents.ts"),
				join(projectFolder, "board/permissions.ts"),
			),
		},
		async make({ $, folder, report }) {
			const layer = join(folder, "layer");
			await copyOverlay(overlayFolder, layer);
			const manager = join(layer, MANAGER_PATH);
			await mkdir(dirname(manager), { recursive: true });
			await copyFile(join(parts.manager.folder, "manager"), manager);
			await chmod(manager, 0o755);
			await writeFile(
				join(layer, "etc/app-platform-release"),
				releaseFile(release),
			);
			report("checking that nothing is missing");
			await refuseMissingContents([rootfsTree(parts.base), layer]);
			report("compressing");
			await writeTarXz($, {
				folder: layer,
				outputFile: "layer.tar.xz",
				epochSeconds: release.epochSeconds,
				xzFilter: target.xzFilter,
			});
			await $`cat ${baseArchiveFile(parts.archive)} layer.tar.xz > rootfs.tar.xz`;
			await rm(layer, { recursive: true });
			await rm(join(folder, "layer.tar.xz"));
		},
	};
}

/**
 * Copies overlay files. Modes are those that git keeps, whatever the umask of the checkout,
 * or those in the table of permissions.
 */
export async function copyOverlay(from: string, to: string): Promise<void> {
	await cp(from, to, { recursive: true, verbatimSymlinks: true });
	await chmod(to, 0o755);
	for (const entry of await readdir(from, {
		recursive: true,
		withFileTypes: true,
	})) {
		const path = relative(from, join(entry.parentPath, entry.name));
		if (entry.isSymbolicLink()) continue;
		const { mode } = await stat(join(from, path));
		const isOpen = entry.isDirectory() || (mode & 0o100) !== 0;
		await chmod(join(to, path), permissions[path] ?? (isOpen ? 0o755 : 0o644));
	}
}
