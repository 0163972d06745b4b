import { open } from "node:fs/promises";
import { derivedHex32 } from "./identity.ts";
import { SECTOR_BYTES } from "./layout.ts";

/** Offsets in the header of a sparse extent ("VMware Virtual Disk Format 5.0"); the values are in sectors. */
const DESCRIPTOR_OFFSET_AT = 28;
const DESCRIPTOR_SIZE_AT = 36;
const HEADER_BYTES = SECTOR_BYTES;

/**
 * Replaces the random content identifier (CID) that qemu-img writes into a VMDK's descriptor with one
 * derived from the seed.
 * @throws Error when the file is not a VMDK with an embedded descriptor.
 */
export async function fixVmdkIdentifiers(
	path: string,
	seed: string,
): Promise<void> {
	const file = await open(path, "r+");
	try {
		const header = Buffer.alloc(HEADER_BYTES);
		await file.read(header, 0, HEADER_BYTES, 0);
		const offset =
			Number(header.readBigUInt64LE(DESCRIPTOR_OFFSET_AT)) * SECTOR_BYTES;
		const sizeBytes =
			Number(header.readBigUInt64LE(DESCRIPTOR_SIZE_AT)) * SECTOR_BYTES;
		if (header.toString("latin1", 0, 4) !== "KDMV" || sizeBytes === 0)
			throw new Error(`${path} is not a VMDK with an embedded descriptor`);

		const descriptor = Buffer.alloc(sizeBytes);
		await file.read(descriptor, 0, sizeBytes, offset);
		const end = descriptor.indexOf(0);
		const text = descriptor
			.toString("latin1", 0, end < 0 ? sizeBytes : end)
			.replace(/^CID=.*$/m, `CID=${derivedHex32(seed, "VMDK content")}`);
		const fixed = Buffer.alloc(sizeBytes);
		fixed.write(text, "latin1");
		await file.write(fixed, 0, sizeBytes, offset);
	} finally {
		await file.close();
	}
}
