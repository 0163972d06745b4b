import { lstatSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { rootfsTree } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { writeTarXz } from "../pipeline/archive.ts";
import { hostToolVersions } from "../pipeline/host.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import { filesInCommon } from "./ramdisk-files.ts";
import type { Release } from "./release.ts";

const projectFolder = join(import.meta.dirname, "..");
const OVERLAY = "rootfs-overlay";

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
	const overlays = [OVERLAY, "initramfs/root"].map((name) =>
		join(projectFolder, name),
	);
	const tree = rootfsTree(base);
	const common = await filesInCommon(tree, overlays);
	const replaced = await replacedFiles(tree, join(projectFolder, OVERLAY));
	return {
		name: `base archive ${target.name}`,
		module: import.meta.filename,
		inputs: {
			base: base.key,
			common,
			replaced,
			xzFilter: target.xzFilter,
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
		},
		async make({ $, folder, report }) {
			const lines = (paths: readonly string[]) =>
				paths.map((path) => `./${path}\n`).join("");
			await writeFile(join(folder, "common"), lines(common));
			await writeFile(
				join(folder, "left-out"),
				lines([...common, ...replaced]),
			);
			await $({
				cwd: tree,
			})`xargs sha256sum < ${folder}/common > ${folder}/common.sha256`;
			report("compressing");
			await writeTarXz($, {
				folder: tree,
				leftOutFile: "left-out",
				outputFile: "base.tar.xz",
				epochSeconds: release.epochSeconds,
				xzFilter: target.xzFilter,
			});
			await rm(join(folder, "common"));
			await rm(join(folder, "left-out"));
		},
	};
}

/**
 * What our own files take the place of. Nothing is twice in the archive of the rootfs, so that
 * an installation can compare the disk with it.
 */
async function replacedFiles(tree: string, overlay: string): Promise<string[]> {
	const entries = await readdir(overlay, {
		recursive: true,
		withFileTypes: true,
	});
	return entries
		.filter((entry) => !entry.isDirectory())
		.map((entry) => relative(overlay, join(entry.parentPath, entry.name)))
		.filter((path) => lstatSync(join(tree, path), { throwIfNoEntry: false }))
		.sort();
}
