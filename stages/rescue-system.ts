import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rootfsTree } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { reproducibleTarOptions } from "../pipeline/archive.ts";
import { hashOfPaths } from "../pipeline/hash.ts";
import { hostToolVersions } from "../pipeline/host.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import {
	copyOverlays,
	generatedFiles,
	rescueOverlays,
	writeGeneratedFiles,
} from "./overlay.ts";
import type { Release } from "./release.ts";
import { rescueSystemPaths } from "./rescue-system-files.ts";

/**
 * The contents and room for what the rescue system writes; fixed, so that it does not depend on the
 * host's file system. Gateways set `ramdisk_size` to 100000 KiB (contract B3), which is the maximum.
 */
const IMAGE_KIB = 56_000;

export const rescueSystemFile = ({ directory }: StageResult) =>
	`${directory}/ramdisk.ext2.xz`;

/**
 * The rescue system: programs of the base tree with their libraries, and the overlays, of which it shares
 * one with the installed system.
 */
export async function rescueSystemStage(
	target: Target,
	base: StageResult,
	release: Release,
): Promise<Stage> {
	return {
		name: `ramdisk ${target.name}`,
		module: import.meta.filename,
		inputs: {
			base: base.key,
			overlays: await hashOfPaths(...rescueOverlays),
			generated: generatedFiles(target, release),
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
		},
		async make({ $, directory, report }) {
			const root = join(directory, "root");
			await mkdir(root);
			report("selecting files");
			const tree = rootfsTree(base);
			const selected = await rescueSystemPaths(tree);
			await writeFile(join(directory, "files"), selected.join("\n"));
			await $`tar -c -C ${tree} --no-recursion --files-from files | tar -x -C root --same-permissions`;
			await copyOverlays(rescueOverlays, root);
			await writeGeneratedFiles(root, target, release);
			report("creating the file system");
			await $`tar -c ${reproducibleTarOptions(release.epochSeconds)} -C root . > root.tar`;
			await $`SOURCE_DATE_EPOCH=${release.epochSeconds} genext2fs --block-size 1024 --size-in-blocks ${IMAGE_KIB} --number-of-inodes 4096 --reserved-percentage 0 --volume-label ramdisk --allow-holes --tarball root.tar ramdisk.ext2`;
			report("compressing");
			await $`xz --check=crc32 --lzma2=preset=9e ramdisk.ext2`;
			await rm(root, { recursive: true });
			await $`rm root.tar files`;
		},
	};
}
