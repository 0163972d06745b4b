import { chmod, copyFile, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { rootfsTree } from "../board/base.ts";
import { refuseMissingContents } from "../board/contents.ts";
import type { Target } from "../board/target.ts";
import { writeTarXz } from "../pipeline/archive.ts";
import { hashOfPaths } from "../pipeline/hash.ts";
import { hostToolVersions } from "../pipeline/host.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import { baseArchiveFile, commonFilesFile } from "./base-archive.ts";
import { copyOverlay, generatedFiles, writeGeneratedFiles } from "./overlay.ts";
import type { Release } from "./release.ts";

const projectFolder = join(import.meta.dirname, "..");
const overlayFolder = join(projectFolder, "rootfs-overlay");
/** Where the rootfs keeps the manager; S92manager installs it from there to /apps/manager. */
const MANAGER_PATH = "usr/lib/app-platform/manager/manager";
const programs = "usr/lib/app-platform";

/** Where the rootfs names the files that an installation takes from the ramdisk. */
const COMMON_FILES = "usr/lib/app-platform/common.sha256";

export const rootfsArchiveFile = ({ folder }: StageResult) =>
	`${folder}/rootfs.tar.xz`;

/**
 * The rootfs archive: the base, then the overlay, the manager and the release file. Compressed
 * streams and archives may be joined end to end.
 */
export async function rootfsStage(
	target: Target,
	parts: { base: StageResult; archive: StageResult; manager: StageResult },
	release: Release,
): Promise<Stage> {
	return {
		name: `rootfs ${target.name}`,
		module: import.meta.filename,
		inputs: {
			archive: parts.archive.key,
			manager: parts.manager.key,
			overlay: await hashOfPaths(overlayFolder),
			generated: generatedFiles(target, release),
			commands: [...target.commands],
			xzFilter: target.xzFilter,
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
		},
		async make({ $, folder, report }) {
			const layer = join(folder, "layer");
			await copyOverlay(overlayFolder, layer);
			for (const [name, path] of [
				["manager", join(layer, MANAGER_PATH)],
				["write-core-file", join(layer, programs, "write-core-file")],
				["compile-cache", join(layer, programs, "compile-cache")],
			] as const) {
				await mkdir(dirname(path), { recursive: true });
				await copyFile(join(parts.manager.folder, name), path);
				await chmod(path, 0o755);
			}
			await copyFile(commonFilesFile(parts.archive), join(layer, COMMON_FILES));
			await writeGeneratedFiles(layer, target, release);
			report("checking that nothing is missing");
			await refuseMissingContents(target, [rootfsTree(parts.base), layer]);
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
