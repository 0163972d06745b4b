import { createWriteStream } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import { makeEfiVolume } from "./efi.ts";
import { derivedHex32, derivedUuid } from "./identity.ts";
import {
	type EfiArea,
	type FileSystem,
	type Partition,
	SECTOR_BYTES,
} from "./layout.ts";
import { toolsIn, withWorkDirectory } from "./tools.ts";

/** Paths in the file system, without a leading slash, and the files on this host. */
export type FilesByPath = Record<string, string>;

export interface BootPartitionInputs {
	partition: Partition;
	files: FilesByPath;
	/** Every timestamp in the file system, in seconds since 1970. */
	epochSeconds: number;
	/** Determines the file system's UUID. */
	seed: string;
	outputPath: string;
}

interface WriterInputs extends BootPartitionInputs {
	sizeBytes: number;
	imagePath: string;
}

type Writer = (inputs: WriterInputs, directory: string) => Promise<void>;

const BLOCK_BYTES = 4096;
/** Two slots and the boot loader need a few dozen. */
const INODES = 1024;

/** 2 KB: the largest cluster with which 200 MB have the 65,525 clusters that FAT32 requires. */
const FAT_CLUSTER_SECTORS = 4;

const writers: Partial<Record<FileSystem, Writer>> = {
	ext2: writeExt2,
	fat32: writeFat32,
};

/**
 * Writes the sparse file system image of a boot partition; the same inputs give the same bytes.
 * @throws Error when the files do not fit or the file system is not supported.
 */
export async function makeBootPartition(
	inputs: BootPartitionInputs,
): Promise<void> {
	const { partition, outputPath } = inputs;
	const write = writers[partition.fileSystem];
	const { sizeBytes } = partition;
	if (!write || !sizeBytes)
		throw new Error(
			`partition ${partition.number} (${partition.label}) cannot be a boot partition: it needs ext2 or fat32 and a size`,
		);
	await withWorkDirectory(outputPath, async (directory) => {
		const imagePath = join(directory, "file-system.img");
		await write({ ...inputs, sizeBytes, imagePath }, directory);
		await rename(imagePath, outputPath);
	});
}

/** Returns the directories of the paths, parents first. */
function parentDirectories(paths: string[]): string[] {
	const directories = new Set<string>();
	for (const path of paths)
		for (
			let directory = dirname(path);
			directory !== ".";
			directory = dirname(directory)
		)
			directories.add(directory);
	return [...directories].sort();
}

/**
 * genext2fs reads an archive instead of a directory, so that owners, modes, times and the order of the
 * files do not depend on the host.
 */
async function writeArchive(
	{ files, epochSeconds }: BootPartitionInputs,
	archivePath: string,
): Promise<void> {
	const archive = pack();
	const written = pipeline(archive, createWriteStream(archivePath));
	const common = { mtime: new Date(epochSeconds * 1000), uid: 0, gid: 0 };
	const paths = Object.keys(files).sort();
	for (const name of parentDirectories(paths))
		archive.entry({ ...common, name, type: "directory", mode: 0o755 });
	for (const name of paths)
		archive.entry(
			{ ...common, name, mode: 0o644 },
			await readFile(files[name] as string),
		);
	archive.finalize();
	await written;
}

async function writeExt2(
	inputs: WriterInputs,
	directory: string,
): Promise<void> {
	const { partition, sizeBytes, epochSeconds, seed, imagePath } = inputs;
	const tool = toolsIn({ cwd: directory, epochSeconds });
	const archivePath = join(directory, "files.tar");
	await writeArchive(inputs, archivePath);
	const emptyPath = join(directory, "empty.img");
	const options = [
		...["--block-size", `${BLOCK_BYTES}`, "--reserved-percentage", "0"],
		...["--volume-label", partition.label, "--allow-holes"],
	];
	await tool`genext2fs ${options} --size-in-blocks ${sizeBytes / BLOCK_BYTES} --number-of-inodes ${INODES} ${emptyPath}`;
	const { efiArea } = partition;
	if (efiArea) await reserveBlocks(emptyPath, efiArea, inputs, directory);
	await tool`genext2fs ${options} --starting-image ${emptyPath} --tarball ${archivePath} ${imagePath}`;
	// No check by mount count or age: it would delay unattended starts.
	await tool`tune2fs -c 0 -i 0 -U ${derivedUuid(seed, "boot file system")} ${imagePath}`;
	if (efiArea) await addEfiVolume(imagePath, efiArea, inputs, directory);
}

/** Gives the blocks of an area of an empty ext2 to its inode of bad blocks, so that no file gets them. */
async function reserveBlocks(
	imagePath: string,
	{ startBytes, sizeBytes }: EfiArea,
	{ epochSeconds }: BootPartitionInputs,
	directory: string,
): Promise<void> {
	const tool = toolsIn({ cwd: directory, epochSeconds });
	const blocks = Array.from(
		{ length: sizeBytes / BLOCK_BYTES },
		(_, index) => startBytes / BLOCK_BYTES + index,
	);
	await writeFile(join(directory, "blocks"), `${blocks.join("\n")}\n`);
	// Exit code 1: the file system was changed.
	await tool`e2fsck -f -y -l blocks ${imagePath} || [ $? = 1 ]`;
	// e2fsck enters this host's time there, and creates lost+found.
	const times = ["<1>", "lost+found"].flatMap((inode) =>
		["atime", "ctime", "mtime"].map(
			(time) => `set_inode_field ${inode} ${time} @${epochSeconds}\n`,
		),
	);
	const commands = [...times, `set_super_value lastcheck @${epochSeconds}\n`];
	await writeFile(join(directory, "times"), commands.join(""));
	await tool`debugfs -w -f times ${imagePath}`;
}

/**
 * Writes the EFI volume into the ext2: its boot sector, which ext2 does not use, and its area.
 * @throws Error when ext2 uses a block of the area for something else.
 */
async function addEfiVolume(
	imagePath: string,
	area: EfiArea,
	{ epochSeconds, seed }: BootPartitionInputs,
	directory: string,
): Promise<void> {
	const tool = toolsIn({ cwd: directory, epochSeconds });
	const bad = (await tool`dumpe2fs -b ${imagePath}`).trim().split("\n");
	const wanted = await readFile(join(directory, "blocks"), "utf8");
	if (bad.join("\n") !== wanted.trim())
		throw new Error("ext2 did not reserve the blocks of the EFI area");
	const name = "efi.img";
	await makeEfiVolume({ area, epochSeconds, seed, directory, name });
	await tool`dd if=${name} of=${imagePath} bs=${SECTOR_BYTES} count=1 conv=notrunc`;
	const { startBytes, sizeBytes } = area;
	await tool`dd if=${name} of=${imagePath} bs=${BLOCK_BYTES} skip=${startBytes / BLOCK_BYTES} seek=${startBytes / BLOCK_BYTES} count=${sizeBytes / BLOCK_BYTES} conv=notrunc`;
	await tool`e2fsck -f -n ${imagePath}`;
}

async function writeFat32(
	inputs: WriterInputs,
	directory: string,
): Promise<void> {
	const { partition, files, sizeBytes, epochSeconds, seed, imagePath } = inputs;
	const tool = toolsIn({ cwd: directory, epochSeconds });
	const volumeId = derivedHex32(seed, "boot file system");
	await tool`truncate --size ${sizeBytes} ${imagePath}`;
	await tool`mkfs.vfat --invariant -F 32 -s ${FAT_CLUSTER_SECTORS} -n ${partition.label} -i ${volumeId} ${imagePath}`;
	const paths = Object.keys(files).sort();
	for (const path of parentDirectories(paths))
		await tool`mmd -i ${imagePath} ${`::/${path}`}`;
	for (const path of paths)
		await tool`mcopy -i ${imagePath} ${resolve(files[path] as string)} ${`::/${path}`}`;
}
