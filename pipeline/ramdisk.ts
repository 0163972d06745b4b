import { lstat, mkdir, readlink, rm, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { glob } from "zx";
import { rootfsTree } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { overlayPaths, treePaths } from "../initramfs/contents.ts";
import { reproducible } from "./archive.ts";
import { librariesOf } from "./elf.ts";
import { hashOfPaths } from "./hash.ts";
import { hostToolVersions } from "./host.ts";
import { copyOverlay, generatedFiles, writeGeneratedFiles } from "./overlay.ts";
import type { Release } from "./release.ts";
import type { Stage, StageResult } from "./stage.ts";

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
		inputs: {
			base: base.key,
			initramfs: await hashOfPaths(initramfsFolder),
			overlay: await hashOfPaths(overlayFolder),
			generated: generatedFiles(target, release),
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
			code: await hashOfPaths(
				import.meta.filename,
				join(import.meta.dirname, "archive.ts"),
				join(import.meta.dirname, "elf.ts"),
				join(import.meta.dirname, "overlay.ts"),
				join(projectFolder, "board/permissions.ts"),
			),
		},
		async make({ $, folder, report }) {
			const root = join(folder, "root");
			await mkdir(root);
			report("choosing files");
			const tree = rootfsTree(base);
			const programs = await choose(tree, treePaths);
			const libraries = await librariesOf(tree, programs);
			const chosen = await withLinkTargets(tree, [...programs, ...libraries]);
			await writeFile(join(folder, "files"), chosen.join("\n"));
			await $`tar -c -C ${tree} --no-recursion --files-from files | tar -x -C root --same-permissions`;
			const shared = await choose(overlayFolder, overlayPaths);
			await writeFile(join(folder, "files"), shared.join("\n"));
			await $`tar -c -C ${overlayFolder} --no-recursion --files-from files | tar -x -C root`;
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

/** The files that the patterns name; throws for a pattern that names none. */
async function choose(
	folder: string,
	patterns: readonly string[],
): Promise<string[]> {
	const chosen = new Set<string>();
	for (const pattern of patterns) {
		const paths = await glob(pattern, {
			cwd: folder,
			dot: true,
			onlyFiles: false,
			followSymbolicLinks: false,
		});
		if (paths.length === 0)
			throw new Error(`the ramdisk wants ${pattern}, which is not there`);
		for (const path of paths) chosen.add(path);
	}
	return [...chosen].sort();
}

/** The paths, with all that the symbolic links among them point to. */
async function withLinkTargets(
	tree: string,
	paths: readonly string[],
): Promise<string[]> {
	const all = new Set<string>();
	const add = async (path: string): Promise<void> => {
		if (all.has(path)) return;
		all.add(path);
		const stats = await lstat(join(tree, path));
		if (!stats.isSymbolicLink()) return;
		const target = await readlink(join(tree, path));
		const next = target.startsWith("/")
			? target.slice(1)
			: normalize(join(dirname(path), target));
		await add(next.replace(/^(bin|sbin|lib)\//, "usr/$1/"));
	};
	for (const path of paths) await add(path);
	return [...all].sort();
}
