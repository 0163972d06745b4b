import { createWriteStream } from "node:fs";
import { readFile, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import { derivedHex32, derivedUuid } from "./identity.ts";
import type { FileSystem, Partition } from "./layout.ts";
import { toolsIn, withWorkFolder } from "./tools.ts";

/** Path in the file system, without a leading slash: file on this host. */
export type FilesByPath = Record<string, string>;

export interface BootPartitionInputs {
	partition: Partition;
	files: FilesByPath;
	/** Every time stamp in the file system, in seconds since 1970. */
	epochSeconds: number;
	/** What the file system's UUID follows from. */
	seed: string;
	outputPath: string;
}

interface WriterInputs extends BootPartitionInputs {
	sizeBytes: number;
	imagePath: string;
}

type Writer = (inputs: WriterInputs, folder: string) => Promise<void>;

const BLOCK_BYTES = 4096;
/** Two sets and the loader's files are some tens of files. */
const INODES = 1024;

/** 2 KB: the largest with which 200 MB have as many clusters as a FAT32 must have (65,525). */
const FAT_CLUSTER_SECTORS = 4;

const writers: Partial<Record<FileSystem, Writer>> = {
	ext2: writeExt2,
	fat32: writeFat32,
};

/**
 * Writes the sparse file-system image of a boot partition; the same inputs give the same bytes.
 * Throws when the files do not fit, or for a file system that no boot partition has.
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
	await withWorkFolder(outputPath, async (folder) => {
		const imagePath = join(folder, "file-system.img");
		await write({ ...inputs, sizeBytes, imagePath }, folder);
		await rename(imagePath, outputPath);
	});
}

/** The folders that the paths need, parents first. */
function foldersOf(paths: string[]): string[] {
	const folders = new Set<string>();
	for (const path of paths)
		for (let folder = dirname(path); folder !== "."; folder = dirname(folder))
			folders.add(folder);
	return [...folders].sort();
}

/**
 * genext2fs reads an archive rather than a folder, so that owners, modes, times and the
 * order of the files come from here and not from the host.
 */
async function writeArchive(
	{ files, epochSeconds }: BootPartitionInputs,
	archivePath: string,
): Promise<void> {
	const archive = pack();
	const written = pipeline(archive, createWriteStream(archivePath));
	const common = { mtime: new Date(epochSeconds * 1000), uid: 0, gid: 0 };
	const paths = Object.keys(files).sort();
	for (const name of foldersOf(paths))
		archive.entry({ ...common, name, type: "directory", mode: 0o755 });
	for (const name of paths)
		archive.entry(
			{ ...common, name, mode: 0o644 },
			await readFile(files[name] as string),
		);
	archive.finalize();
	await written;
}

async function writeExt2(inputs: WriterInputs, folder: string): Promise<void> {
	const { partition, sizeBytes, epochSeconds, seed, imagePath } = inputs;
	const tool = toolsIn({ cwd: folder, epochSeconds });
	const archivePath = join(folder, "files.tar");
	await writeArchive(inputs, archivePath);
	await tool`genext2fs --block-size ${BLOCK_BYTES} --size-in-blocks ${sizeBytes / BLOCK_BYTES} --number-of-inodes ${INODES} --reserved-percentage 0 --volume-label ${partition.label} --allow-holes --tarball ${archivePath} ${imagePath}`;
	// No check by count or age: it would delay a start that nobody watches.
	await tool`tune2fs -c 0 -i 0 -U ${derivedUuid(seed, "boot file system")} ${imagePath}`;
}

async function writeFat32(inputs: WriterInputs, folder: string): Promise<void> {
	const { partition, files, sizeBytes, epochSeconds, seed, imagePath } = inputs;
	const tool = toolsIn({ cwd: folder, epochSeconds });
	const volumeId = derivedHex32(seed, "boot file system");
	await tool`truncate --size ${sizeBytes} ${imagePath}`;
	await tool`mkfs.vfat --invariant -F 32 -s ${FAT_CLUSTER_SECTORS} -n ${partition.label} -i ${volumeId} ${imagePath}`;
	const paths = Object.keys(files).sort();
	for (const path of foldersOf(paths))
		await tool`mmd -i ${imagePath} ${`::/${path}`}`;
	for (const path of paths)
		await tool`mcopy -i ${imagePath} ${resolve(files[path] as string)} ${`::/${path}`}`;
}
