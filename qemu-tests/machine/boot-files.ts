import { rm } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { builtImage } from "./build-output.ts";
import { temporaryDirectory } from "./cleanup.ts";
import type { DiskFile } from "./disks.ts";
import { type TargetName, targets } from "./targets.ts";

const quiet = $({ quiet: true });

/**
 * Copies a file from a disk's first partition, as a gateway's loader reads it, and returns the path of the copy. The
 * machine must be off.
 */
export async function bootFile(
	target: TargetName,
	disk: DiskFile,
	path: string,
): Promise<string> {
	const { fileSystem, sizeMB } = targets[target].boot;
	const directory = temporaryDirectory().path;
	const start = join(directory, "start-of-disk");
	const copy = join(directory, "copy");
	// The first partition begins at 1 MiB.
	const size = sizeMB + 1;
	await quiet`qemu-img dd -f ${disk.format} -O raw bs=1M count=${size} if=${disk.path} of=${start}`;
	// An image may end before the end of its partition.
	await quiet`truncate --size ${size}M ${start}`;
	if (fileSystem === "ext2")
		await quiet`debugfs -R ${`dump /${path} ${copy}`} ${`${start}?offset=1048576`}`;
	else await quiet`mcopy -i ${`${start}@@1M`} ${`::/${path}`} ${copy}`;
	await rm(start);
	return copy;
}

/** Returns a copy of the kernel that the built image boots. */
export async function kernelOfImage(target: TargetName): Promise<string> {
	const image: DiskFile = { path: builtImage("img", target), format: "raw" };
	return bootFile(target, image, targets[target].boot.kernel);
}
