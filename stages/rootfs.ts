import { chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { appSyscallFilter } from "../board/app-syscalls.ts";
import { rootfsTree } from "../board/base.ts";
import { assertContents } from "../board/contents.ts";
import type { Target } from "../board/target.ts";
import { writeTarXz } from "../pipeline/archive.ts";
import { hashOfPaths } from "../pipeline/hash.ts";
import { hostToolVersions } from "../pipeline/host.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import { baseArchiveFile, commonFilesFile } from "./base-archive.ts";
import {
	copyOverlays,
	generatedFiles,
	systemOverlays,
	writeGeneratedFiles,
} from "./overlay.ts";
import type { Release } from "./release.ts";

/** The manager in the rootfs; S92manager installs it to /apps/manager. */
const MANAGER_PATH = "usr/lib/app-platform/manager/manager";
const programs = "usr/lib/app-platform";

/** The list of files that an installation copies from the rescue system. */
const COMMON_FILES = "usr/lib/app-platform/common.sha256";

export const rootfsArchiveFile = ({ directory }: StageResult) =>
	`${directory}/rootfs.tar.xz`;

/**
 * The rootfs archive: the base, then the overlays, the manager and the release file, as concatenated tar.xz
 * archives.
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
			overlay: await hashOfPaths(...systemOverlays),
			generated: generatedFiles(target, release),
			commands: [...target.commands],
			xzFilter: target.xzFilter,
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
		},
		async make({ $, directory, report }) {
			const layer = join(directory, "layer");
			await copyOverlays(systemOverlays, layer);
			for (const [name, path] of [
				["manager", join(layer, MANAGER_PATH)],
				["write-core-file", join(layer, programs, "write-core-file")],
				["compile-cache", join(layer, programs, "compile-cache")],
				["read-provisioning", join(layer, programs, "read-provisioning")],
			] as const) {
				await mkdir(dirname(path), { recursive: true });
				await copyFile(join(parts.manager.directory, name), path);
				await chmod(path, 0o755);
			}
			await writeFile(
				join(layer, programs, "app-syscalls.bpf"),
				appSyscallFilter(target),
			);
			await copyFile(commonFilesFile(parts.archive), join(layer, COMMON_FILES));
			await writeGeneratedFiles(layer, target, release);
			report("checking the contents");
			await assertContents(target, [rootfsTree(parts.base), layer]);
			report("compressing");
			await writeTarXz($, {
				directory: layer,
				outputFile: "layer.tar.xz",
				epochSeconds: release.epochSeconds,
				xzFilter: target.xzFilter,
			});
			await $`cat ${baseArchiveFile(parts.archive)} layer.tar.xz > rootfs.tar.xz`;
			await rm(layer, { recursive: true });
			await rm(join(directory, "layer.tar.xz"));
		},
	};
}
