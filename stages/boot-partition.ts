import { copyFile, cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { deviceTreesDirectory, kernelFile } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { bootMenu, bootMenus } from "../partitioning/boot-menu.ts";
import { makeBootPartition } from "../partitioning/boot-partition.ts";
import {
	EFI_FALLBACK_PATH,
	EFI_START_PATH,
	efiStartFile,
} from "../partitioning/efi.ts";
import { grubStartFile, makeGrub } from "../partitioning/grub.ts";
import { diskSignature } from "../partitioning/identity.ts";
import type { Partition } from "../partitioning/layout.ts";
import { hashOfFile, hashOfPaths } from "../pipeline/hash.ts";
import { hostToolVersions } from "../pipeline/host.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import { type Release, releaseFile, releaseSeed } from "./release.ts";
import { rescueSystemFile } from "./rescue-system.ts";
import { rootfsArchiveFile } from "./rootfs.ts";
import { sign } from "./signing.ts";

const projectDirectory = join(import.meta.dirname, "..");

/** The slot that a new image uses; the first update is staged in the other one. */
const FIRST_SLOT = "a";

/** The contents of the boot partition. */
export const bootFilesDirectory = ({
	directory,
}: Pick<StageResult, "directory">) => `${directory}/files`;

/** The boot partition with slot A and the boot menu, and GRUB's images. */
export async function bootPartitionStage(
	target: Target,
	parts: {
		kernel: StageResult;
		rescueSystem: StageResult;
		rootfs: StageResult;
	},
	release: Release,
): Promise<Stage> {
	const { bootLoader } = target.layout;
	const partition: Partition = target.layout.boot;
	const menu = bootMenus[bootLoader];
	const template = join(projectDirectory, "board", basename(menu.path));
	return {
		name: `boot partition ${target.name}`,
		module: import.meta.filename,
		inputs: {
			kernel: parts.kernel.key,
			rescueSystem: parts.rescueSystem.key,
			rootfs: parts.rootfs.key,
			release: releaseFile(release),
			signedBy: release.signer.publicKey,
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
			menus: await hashOfPaths(template, grubStartFile, efiStartFile),
		},
		async make({ $, directory, report }) {
			report("filling the slot");
			const top = bootFilesDirectory({ directory });
			const slot = join(top, FIRST_SLOT);
			const kernelDirectory = menu.kernelAtTop ? top : slot;
			await mkdir(slot, { recursive: true });
			await $`ln ${kernelFile(parts.kernel)} ${rescueSystemFile(parts.rescueSystem)} ${kernelDirectory}/`;
			await $`ln ${rootfsArchiveFile(parts.rootfs)} ${slot}/`;
			await cp(
				deviceTreesDirectory(parts.kernel),
				join(kernelDirectory, "dtbs"),
				{
					recursive: true,
				},
			);
			await writeFile(join(slot, "release"), releaseFile(release));
			const sums = join(slot, "SHA256SUMS");
			const lines = (await slotFiles(target, { directory })).map(
				async ({ name, path }) => `${await hashOfFile(path)}  ${name}\n`,
			);
			await writeFile(sums, (await Promise.all(lines)).join(""));
			await sign(release.signer, sums, releaseSeed(release));

			report("writing");
			const seed = releaseSeed(release);
			const config = await bootMenu(bootLoader, template, diskSignature(seed));
			await mkdir(dirname(join(top, menu.path)), { recursive: true });
			await writeFile(join(top, menu.path), config);
			if (partition.efiArea) {
				await mkdir(dirname(join(top, EFI_START_PATH)), { recursive: true });
				await copyFile(efiStartFile, join(top, EFI_START_PATH));
				await writeFile(join(top, EFI_FALLBACK_PATH), config);
			}
			const paths = await filesIn(top);
			await makeBootPartition({
				partition,
				files: Object.fromEntries(
					paths.map((path) => [relative(top, path), path]),
				),
				epochSeconds: release.epochSeconds,
				seed,
				outputPath: join(directory, "boot.img"),
			});
			if (bootLoader === "grub")
				await makeGrub({
					config,
					epochSeconds: release.epochSeconds,
					outputDirectory: join(directory, "grub"),
				});
		},
	};
}

/**
 * Returns the files of the slot, sorted by their names in it. A new image may have some of them at the
 * top of the partition.
 */
export async function slotFiles(
	target: Target,
	boot: Pick<StageResult, "directory">,
): Promise<{ name: string; path: string }[]> {
	const top = bootFilesDirectory(boot);
	const slot = join(top, FIRST_SLOT);
	const menu = bootMenus[target.layout.bootLoader];
	const inSlot = (await filesIn(slot)).map((path) => ({
		name: relative(slot, path),
		path,
	}));
	const atTop = (menu.kernelAtTop ? await filesIn(top) : [])
		.map((path) => ({ name: relative(top, path), path }))
		.filter(
			({ name }) => name !== menu.path && !name.startsWith(`${FIRST_SLOT}/`),
		);
	return [...inSlot, ...atTop].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Returns the paths of all files below a directory, sorted. */
async function filesIn(directory: string): Promise<string[]> {
	const entries = await readdir(directory, {
		recursive: true,
		withFileTypes: true,
	});
	return entries
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name))
		.sort();
}
