import { type FileHandle, open } from "node:fs/promises";
import { derivedHex32 } from "./identity.ts";
import { SECTOR_BYTES } from "./layout.ts";

// Offsets in the header of a sparse extent ("VMware Virtual Disk Format 5.0"); the values are in sectors.
const DESCRIPTOR_OFFSET_AT = 28;
const DESCRIPTOR_SIZE_AT = 36;
const OVERHEAD_AT = 64;
const HEADER_BYTES = SECTOR_BYTES;
/** Of a marker, from its beginning. */
const SIZE_AT = 8;
const TYPE_AT = 12;
const MARKER_BYTES = 16;

/**
 * Finishes a streamOptimized VMDK that qemu-img has written: with a content identifier derived from the seed, and with
 * the end of its stream as VMware's importers expect it.
 * @throws Error when the file is not a VMDK with an embedded descriptor.
 */
export async function finishVmdk(path: string, seed: string): Promise<void> {
	const file = await open(path, "r+");
	try {
		const header = Buffer.alloc(HEADER_BYTES);
		await file.read(header, 0, HEADER_BYTES, 0);
		const bytesAt = (offset: number) =>
			Number(header.readBigUInt64LE(offset)) * SECTOR_BYTES;
		const sizeBytes = bytesAt(DESCRIPTOR_SIZE_AT);
		if (header.toString("latin1", 0, 4) !== "KDMV" || sizeBytes === 0)
			throw new Error(`${path} is not a VMDK with an embedded descriptor`);
		await fixIdentifier(file, bytesAt(DESCRIPTOR_OFFSET_AT), sizeBytes, seed);
		await endStream(file, bytesAt(OVERHEAD_AT));
	} finally {
		await file.close();
	}
}

/** Replaces the random content identifier (CID) in the descriptor. */
async function fixIdentifier(
	file: FileHandle,
	offset: number,
	sizeBytes: number,
	seed: string,
): Promise<void> {
	const descriptor = Buffer.alloc(sizeBytes);
	await file.read(descriptor, 0, sizeBytes, offset);
	const end = descriptor.indexOf(0);
	const text = descriptor
		.toString("latin1", 0, end < 0 ? sizeBytes : end)
		.replace(/^CID=.*$/m, `CID=${derivedHex32(seed, "VMDK content")}`);
	const fixed = Buffer.alloc(sizeBytes);
	fixed.write(text, "latin1");
	await file.write(fixed, 0, sizeBytes, offset);
}

/**
 * Ends the file with an end-of-stream marker, a sector of zeros. qemu-img ends it at the end of a cluster instead, but
 * an importer that reads a stream stops at the marker, and computes another checksum than that of the whole file.
 */
async function endStream(file: FileHandle, overheadBytes: number) {
	const { size } = await file.stat();
	const marker = Buffer.alloc(MARKER_BYTES);
	let at = overheadBytes;
	while (at < size) {
		await file.read(marker, 0, MARKER_BYTES, at);
		const sectors = Number(marker.readBigUInt64LE(0));
		const dataBytes = marker.readUInt32LE(SIZE_AT);
		const isEnd = sectors === 0 && marker.readUInt32LE(TYPE_AT) === 0;
		if (dataBytes > 0)
			at += Math.ceil((TYPE_AT + dataBytes) / SECTOR_BYTES) * SECTOR_BYTES;
		else if (isEnd) break;
		else at += SECTOR_BYTES * (1 + sectors);
	}
	await file.truncate(at);
	await file.truncate(at + SECTOR_BYTES);
}
