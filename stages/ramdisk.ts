import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rootfsTree } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { overlayPaths } from "../initramfs/contents.ts";
import { reproducible } from "../pipeline/archive.ts";
import { hashOfPaths } from "../pipeline/hash.ts";
import { hostToolVersions } from "../pipeline/host.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import {
	copyOverlay,
	generatedFiles,
	setModes,
	writeGeneratedFiles,
} from "./overlay.ts";
import { choose, filesFromTree } from "./ramdisk-files.ts";
import type { Release } from "./release.ts";

const projectFolder = join(import.meta.dirname, "..");
const initramfsFolder = join(projectFolder, "initramfs");
const overlayFolder = join(projectFolder, "rootfs-overlay");

/**
 * Contents and room for what a rescue writes; fixed, so that no host's file system shows in it.
 * Gateways are told a `ramdisk_size` of 100000 KiB (contract B3), which is the most.
 */
const IMAGE_KIB = 56_000;

export const ramdiskFile = ({ folder }: StageResult) =>
	`${folder}/ramdisk.ext2.xz`;

/**
 * The ramdisk: a part of the base tree with the libraries it needs, the overlay files that
 * rescue and system share, and initramfs/root.
 */
export async function ramdiskStage(
	target: Target,
	base: StageResult,
	release: Release,
): Promise<Stage> {
	return {
		name: `ramdisk ${target.name}`,
		module: import.meta.filename,
		inputs: {
			base: base.key,
			initramfs: await hashOfPaths(join(initramfsFolder, "root")),
			overlay: await hashOfPaths(overlayFolder),
			generated: generatedFiles(target, release),
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
		},
		async make({ $, folder, report }) {
			const root = join(folder, "root");
			await mkdir(root);
			report("choosing files");
			const tree = rootfsTree(base);
			const chosen = await filesFromTree(tree);
			await writeFile(join(folder, "files"), chosen.join("\n"));
			await $`tar -c -C ${tree} --no-recursion --files-from files | tar -x -C root --same-permissions`;
			const shared = await choose(overlayFolder, overlayPaths);
			await writeFile(join(folder, "files"), shared.join("\n"));
			await $`tar -c -C ${overlayFolder} --no-recursion --files-from files | tar -x -C root`;
			await setModes(overlayFolder, root, shared);
			await copyOverlay(join(initramfsFolder, "root"), root);
			await writeGeneratedFiles(root, target, release);
			report("making the file system");
			await $`tar -c ${reproducible(release.epochSeconds)} -C root . > root.tar`;
			await $`SOURCE_DATE_EPOCH=${release.epochSeconds} genext2fs --block-size 1024 --size-in-blocks ${IMAGE_KIB} --number-of-inodes 4096 --reserved-percentage 0 --volume-label ramdisk --allow-holes --tarball root.tar ramdisk.ext2`;
			report("compressing");
			await $`xz --check=crc32 --lzma2=preset=9e ramdisk.ext2`;
			await rm(root, { recursive: true });
			await $`rm root.tar files`;
		},
	};
}
