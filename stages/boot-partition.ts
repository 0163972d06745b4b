import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { deviceTreesFolder, kernelFile } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { bootMenu, bootMenus } from "../partitioning/boot-menu.ts";
import { makeBootPartition } from "../partitioning/boot-partition.ts";
import { grubStartFile, makeGrub } from "../partitioning/grub.ts";
import { diskSignature } from "../partitioning/identity.ts";
import { hashOfFile, hashOfPaths } from "../pipeline/hash.ts";
import { hostToolVersions } from "../pipeline/host.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import { ramdiskFile } from "./ramdisk.ts";
import { type Release, releaseFile, releaseSeed } from "./release.ts";
import { rootfsArchiveFile } from "./rootfs.ts";
import { sign } from "./signing.ts";

const projectFolder = join(import.meta.dirname, "..");

/** The set in a new image; updates stage theirs in the other slot. */
const FIRST_SLOT = "a";

/** What is on the boot partition. */
export const bootFilesFolder = ({ folder }: Pick<StageResult, "folder">) =>
	`${folder}/files`;

/** The boot partition: one set and the boot loader's menu. Also GRUB's own images. */
export async function bootPartitionStage(
	target: Target,
	parts: { kernel: StageResult; ramdisk: StageResult; rootfs: StageResult },
	release: Release,
): Promise<Stage> {
	const { bootLoader, boot: partition } = target.layout;
	const menu = bootMenus[bootLoader];
	const template = join(projectFolder, "board", basename(menu.path));
	return {
		name: `boot partition ${target.name}`,
		module: import.meta.filename,
		inputs: {
			kernel: parts.kernel.key,
			ramdisk: parts.ramdisk.key,
			rootfs: parts.rootfs.key,
			release: releaseFile(release),
			signedBy: release.signer.publicKey,
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
			menus: await hashOfPaths(template, grubStartFile),
		},
		async make({ $, folder, report }) {
			report("gathering the set");
			const top = bootFilesFolder({ folder });
			const set = join(top, FIRST_SLOT);
			const kernelFolder = menu.kernelAtTop ? top : set;
			await mkdir(set, { recursive: true });
			await $`ln ${kernelFile(parts.kernel)} ${ramdiskFile(parts.ramdisk)} ${kernelFolder}/`;
			await $`ln ${rootfsArchiveFile(parts.rootfs)} ${set}/`;
			await cp(deviceTreesFolder(parts.kernel), join(kernelFolder, "dtbs"), {
				recursive: true,
			});
			await writeFile(join(set, "release"), releaseFile(release));
			const sums = join(set, "SHA256SUMS");
			const lines = (await setFiles(target, { folder })).map(
				async ({ name, path }) => `${await hashOfFile(path)}  ${name}\n`,
			);
			await writeFile(sums, (await Promise.all(lines)).join(""));
			await sign(release.signer, sums, releaseSeed(release));

			report("writing");
			const seed = releaseSeed(release);
			const config = await bootMenu(bootLoader, template, diskSignature(seed));
			await mkdir(dirname(join(top, menu.path)), { recursive: true });
			await writeFile(join(top, menu.path), config);
			const paths = await filesIn(top);
			await makeBootPartition({
				partition,
				files: Object.fromEntries(
					paths.map((path) => [relative(top, path), path]),
				),
				epochSeconds: release.epochSeconds,
				seed,
				outputPath: join(folder, "boot.img"),
			});
			if (bootLoader === "grub")
				await makeGrub({
					config,
					epochSeconds: release.epochSeconds,
					outputFolder: join(folder, "grub"),
				});
		},
	};
}

/**
 * The files of the set by their names in it, in the order of the names. A new image may have
 * some of them at the top of the partition.
 */
export async function setFiles(
	target: Target,
	boot: Pick<StageResult, "folder">,
): Promise<{ name: string; path: string }[]> {
	const top = bootFilesFolder(boot);
	const set = join(top, FIRST_SLOT);
	const menu = bootMenus[target.layout.bootLoader];
	const inSet = (await filesIn(set)).map((path) => ({
		name: relative(set, path),
		path,
	}));
	const atTop = (menu.kernelAtTop ? await filesIn(top) : [])
		.map((path) => ({ name: relative(top, path), path }))
		.filter(
			({ name }) => name !== menu.path && !name.startsWith(`${FIRST_SLOT}/`),
		);
	return [...inSet, ...atTop].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Paths of all files in a folder and those below it, in the same order everywhere. */
async function filesIn(folder: string): Promise<string[]> {
	const entries = await readdir(folder, {
		recursive: true,
		withFileTypes: true,
	});
	return entries
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name))
		.sort();
}
