import { mkdir, open, rename, truncate, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { GrubImages } from "./grub.ts";
import {
	ALIGNMENT_BYTES,
	type DiskLayout,
	MBR_TYPES,
	SECTOR_BYTES,
} from "./layout.ts";
import { toolsIn, withWorkFolder } from "./tools.ts";

export interface DiskImageInputs {
	layout: DiskLayout;
	/** Eight hex digits; PARTUUIDs follow from it. */
	diskSignature: string;
	/** The file-system image made by makeBootPartition. */
	bootPartition: string;
	/** For layouts whose boot loader is GRUB. */
	grub?: GrubImages;
	outputPath: string;
}

/** The MBR's partition table begins behind the 440 bytes of boot code. */
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
 * Writes the sparse raw disk: MBR, boot loader and boot partition; the rest of the disk is
 * left to the first start. An image that is as small as its content may end within the boot
 * partition: what lies behind is not in use, whatever the disk holds there. The same inputs give the same bytes.
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
			`a ${layout.bootLoader} disk and GRUB's images: both or neither`,
		);
	await withWorkFolder(outputPath, async (folder) => {
		const config = `image disk.img {
	hdimage {
		align = ${ALIGNMENT_BYTES}
		disk-signature = 0x${diskSignature}
	}${grub ? grubRegions(grub) : ""}
	partition ${layout.boot.label} {
		partition-type = ${MBR_TYPES[layout.boot.fileSystem]}
		bootable = true
		image = ${JSON.stringify(resolve(bootPartition))}
		offset = ${ALIGNMENT_BYTES}
	}
}
`;
		await writeFile(join(folder, "genimage.cfg"), config);
		// genimage empties its folders, so each is one of its own.
		for (const name of ["root", "tmp", "in", "out"])
			await mkdir(join(folder, name));
		await toolsIn({
			cwd: folder,
		})`genimage --config genimage.cfg --rootpath root --tmppath tmp --inputpath in --outputpath out`;
		const imagePath = join(folder, "out", "disk.img");
		await truncate(
			imagePath,
			layout.imageBytes ?? (await contentBytes(imagePath)),
		);
		await rename(imagePath, outputPath);
	});
}

/** The length of a file without the zeros at its end, rounded up to the alignment. */
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
