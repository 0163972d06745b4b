import { rm } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { ALIGNMENT_BYTES, MIB } from "../../partitioning/layout.ts";
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
	const { fileSystem, sizeBytes } = targets[target].boot;
	const directory = temporaryDirectory().path;
	const start = join(directory, "start-of-disk");
	const copy = join(directory, "copy");
	const endBytes = ALIGNMENT_BYTES + sizeBytes;
	await quiet`qemu-img dd -f ${disk.format} -O raw bs=${MIB} count=${endBytes / MIB} if=${disk.path} of=${start}`;
	// An image may end before the end of its partition.
	await quiet`truncate --size ${endBytes} ${start}`;
	if (fileSystem === "ext2")
		await quiet`debugfs -R ${`dump /${path} ${copy}`} ${`${start}?offset=${ALIGNMENT_BYTES}`}`;
	else
		await quiet`mcopy -i ${`${start}@@${ALIGNMENT_BYTES}`} ${`::/${path}`} ${copy}`;
	await rm(start);
	return copy;
}

/** Returns a copy of the kernel that the built image boots. */
export async function kernelOfImage(target: TargetName): Promise<string> {
	const image: DiskFile = { path: builtImage("img", target), format: "raw" };
	return bootFile(target, image, targets[target].kernel);
}
