import { mkdir, open, rename, truncate, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { GrubImages } from "./grub.ts";
import {
	ALIGNMENT_BYTES,
	type DiskLayout,
	mbrType,
	SECTOR_BYTES,
} from "./layout.ts";
import { toolsIn, withWorkDirectory } from "./tools.ts";

export interface DiskImageInputs {
	layout: DiskLayout;
	/** Eight hex digits; determines the PARTUUIDs. */
	diskSignature: string;
	/** The file system image written by makeBootPartition. */
	bootPartition: string;
	/** For layouts with GRUB as boot loader. */
	grub?: GrubImages;
	outputPath: string;
}

/** The MBR starts with 440 bytes of boot code. */
const BOOT_CODE_BYTES = 440;

function grubRegions({ bootImage, coreImage }: GrubImages): string {
	return `
	partition grub-boot {
		in-partition-table = false
		image = ${JSON.stringify(resolve(bootImage))}
		offset = 0
		size = ${SECTOR_BYTES}
		holes = {"(${BOOT_CODE_BYTES}; ${SECTOR_BYTES})"}
	}
	partition grub-core {
		in-partition-table = false
		image = ${JSON.stringify(resolve(coreImage))}
		offset = ${SECTOR_BYTES}
		size = ${ALIGNMENT_BYTES - SECTOR_BYTES}
	}`;
}

/**
 * Writes the sparse raw disk: MBR, boot loader and boot partition. The first start partitions the rest.
 * An image as small as its content may end inside the boot partition: the space behind it is unused,
 * whatever the disk contains there. The same inputs give the same bytes.
 */
export async function makeDiskImage({
	layout,
	diskSignature,
	bootPartition,
	grub,
	outputPath,
}: DiskImageInputs): Promise<void> {
	if ((layout.bootLoader === "grub") !== (grub !== undefined))
		throw new Error(
			`GRUB's images are required for a disk with GRUB and not allowed for others: ${layout.bootLoader}`,
		);
	await withWorkDirectory(outputPath, async (directory) => {
		const config = `image disk.img {
	hdimage {
		align = ${ALIGNMENT_BYTES}
		disk-signature = 0x${diskSignature}
	}${grub ? grubRegions(grub) : ""}
	partition ${layout.boot.label} {
		partition-type = ${mbrType(layout.boot)}
		bootable = true
		image = ${JSON.stringify(resolve(bootPartition))}
		offset = ${ALIGNMENT_BYTES}
	}
}
`;
		await writeFile(join(directory, "genimage.cfg"), config);
		// genimage empties its directories, so each must be separate.
		for (const name of ["root", "tmp", "in", "out"])
			await mkdir(join(directory, name));
		await toolsIn({
			cwd: directory,
		})`genimage --config genimage.cfg --rootpath root --tmppath tmp --inputpath in --outputpath out`;
		const imagePath = join(directory, "out", "disk.img");
		await truncate(
			imagePath,
			layout.imageBytes ?? (await contentBytes(imagePath)),
		);
		await rename(imagePath, outputPath);
	});
}

/** Returns a file's length without trailing zeros, rounded up to the alignment. */
async function contentBytes(path: string): Promise<number> {
	const file = await open(path);
	try {
		const block = Buffer.alloc(ALIGNMENT_BYTES);
		const { size } = await file.stat();
		for (
			let start = Math.ceil(size / ALIGNMENT_BYTES - 1) * ALIGNMENT_BYTES;
			start >= 0;
			start -= ALIGNMENT_BYTES
		) {
			const { bytesRead } = await file.read(block, 0, ALIGNMENT_BYTES, start);
			if (block.subarray(0, bytesRead).some((byte) => byte !== 0))
				return start + ALIGNMENT_BYTES;
		}
		return 0;
	} finally {
		await file.close();
	}
}
