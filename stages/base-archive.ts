import { lstatSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { rootfsTree } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { writeTarXz } from "../pipeline/archive.ts";
import { hostToolVersions } from "../pipeline/host.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import { generatedFiles, rescueOverlays, systemOverlays } from "./overlay.ts";
import type { Release } from "./release.ts";
import { commonPaths } from "./rescue-system-files.ts";

export const baseArchiveFile = ({ directory }: StageResult) =>
	`${directory}/base.tar.xz`;
/** Files that the archive leaves out because the rescue system has them, in sha256sum's format. */
export const commonFilesFile = ({ directory }: StageResult) =>
	`${directory}/common.sha256`;

/**
 * Compresses the base system without the project's own files: this takes minutes, and a build that
 * changes only the manager finds the result in the cache.
 */
export async function baseArchiveStage(
	target: Target,
	base: StageResult,
	release: Release,
): Promise<Stage> {
	const tree = rootfsTree(base);
	const common = await commonPaths(tree, [
		...systemOverlays,
		...rescueOverlays,
	]);
	const replaced = await replacedFiles(
		tree,
		systemOverlays,
		Object.keys(generatedFiles(target, release)),
	);
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
		async make({ $, directory, report }) {
			const lines = (paths: readonly string[]) =>
				paths.map((path) => `./${path}\n`).join("");
			await writeFile(join(directory, "common"), lines(common));
			await writeFile(
				join(directory, "excluded"),
				lines([...common, ...replaced]),
			);
			await $({
				cwd: tree,
			})`xargs sha256sum < ${directory}/common > ${directory}/common.sha256`;
			report("compressing");
			await writeTarXz($, {
				directory: tree,
				excludeFile: "excluded",
				outputFile: "base.tar.xz",
				epochSeconds: release.epochSeconds,
				xzFilter: target.xzFilter,
			});
			await rm(join(directory, "common"));
			await rm(join(directory, "excluded"));
		},
	};
}

/**
 * Returns the files that the overlays and the generated files replace. The rootfs archive contains no path twice, so
 * that an installation can compare the disk with it.
 */
async function replacedFiles(
	tree: string,
	overlays: readonly string[],
	generated: readonly string[],
): Promise<string[]> {
	const paths = [...generated];
	for (const overlay of overlays) {
		const entries = await readdir(overlay, {
			recursive: true,
			withFileTypes: true,
		});
		for (const entry of entries)
			if (!entry.isDirectory())
				paths.push(relative(overlay, join(entry.parentPath, entry.name)));
	}
	return paths
		.filter((path) => lstatSync(join(tree, path), { throwIfNoEntry: false }))
		.sort();
}
