import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { $ } from "zx";
import { temporaryDirectory } from "./cleanup.ts";
import type { DiskFile } from "./disks.ts";
import { builtImage } from "./places.ts";
import { type TargetName, targets } from "./targets.ts";

const quiet = $({ quiet: true });

/**
 * Copies files from a disk's first partition, as a gateway's loader reads them from there, and
 * returns where the copies are, in the same order. The machine must be off.
 */
export async function bootFiles(
	target: TargetName,
	disk: DiskFile,
	paths: readonly string[],
): Promise<string[]> {
	const { fileSystem, sizeMB } = targets[target].boot;
	const directory = temporaryDirectory().path;
	const partition = join(directory, "sda1");
	await quiet`qemu-img dd -f ${disk.format} -O raw bs=1M skip=1 count=${sizeMB} if=${disk.path} of=${partition}`;
	// An image may end with its content, before the end of its partition.
	await quiet`truncate --size ${sizeMB}M ${partition}`;
	const copies = paths.map((path) => join(directory, "files", path));
	for (const [index, path] of paths.entries()) {
		const copy = copies[index] as string;
		await mkdir(dirname(copy), { recursive: true });
		if (fileSystem === "ext2")
			await quiet`debugfs -R ${`dump /${path} ${copy}`} ${partition}`;
		else await quiet`mcopy -i ${partition} ${`::/${path}`} ${copy}`;
	}
	return copies;
}

/** The kernel that the built image starts. */
export async function kernelOfImage(target: TargetName): Promise<string> {
	const image: DiskFile = { path: builtImage("img", target), format: "raw" };
	const [kernel] = await bootFiles(target, image, [
		targets[target].boot.kernel,
	]);
	return kernel as string;
}
