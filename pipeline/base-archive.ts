import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rootfsTree } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { writeTarXz } from "./archive.ts";
import { hashOfPaths } from "./hash.ts";
import { hostToolVersions } from "./host.ts";
import { filesInCommon } from "./ramdisk-files.ts";
import type { Release } from "./release.ts";
import type { Stage, StageResult } from "./stage.ts";

const projectFolder = join(import.meta.dirname, "..");

export const baseArchiveFile = ({ folder }: StageResult) =>
	`${folder}/base.tar.xz`;
/** What the archive leaves out because the ramdisk has it: lines as of sha256sum. */
export const commonFilesFile = ({ folder }: StageResult) =>
	`${folder}/common.sha256`;

/**
 * Compresses the base system. Apart from our own files, because it takes minutes: a build in
 * which only the manager changed takes it from the cache.
 */
export async function baseArchiveStage(
	target: Target,
	base: StageResult,
	release: Release,
): Promise<Stage> {
	const overlays = ["rootfs-overlay", "initramfs/root"].map((name) =>
		join(projectFolder, name),
	);
	const tree = rootfsTree(base);
	const common = await filesInCommon(tree, overlays);
	return {
		name: `base archive ${target.name}`,
		inputs: {
			base: base.key,
			common,
			xzFilter: target.xzFilter,
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
			code: await hashOfPaths(
				import.meta.filename,
				join(import.meta.dirname, "archive.ts"),
			),
		},
		async make({ $, folder, report }) {
			const paths = common.map((path) => `./${path}\n`).join("");
			await writeFile(join(folder, "common"), paths);
			await $({
				cwd: tree,
			})`xargs sha256sum < ${folder}/common > ${folder}/common.sha256`;
			report("compressing");
			await writeTarXz($, {
				folder: tree,
				leftOutFile: "common",
				outputFile: "base.tar.xz",
				epochSeconds: release.epochSeconds,
				xzFilter: target.xzFilter,
			});
			await rm(join(folder, "common"));
		},
	};
}
