import { type FileHandle, open } from "node:fs/promises";
import { crc32c } from "@aws-crypto/crc32c";
import { derivedUuidBytes } from "./identity.ts";

// Offsets and names from [MS-VHDX], "Virtual Hard Disk v2 (VHDX) File Format".
const KIB = 1024;
const HEADERS_AT = [64 * KIB, 128 * KIB];
const HEADER_BYTES = 4 * KIB;
const REGION_TABLE_AT = 192 * KIB;
const REGION_TABLE_BYTES = 64 * KIB;
const METADATA_TABLE_BYTES = 64 * KIB;
/** Offset of the first entry and size of an entry, in bytes. */
const REGION_ENTRIES = { first: 16, size: 32 };
const METADATA_ENTRIES = { first: 32, size: 32 };
const METADATA_REGION = guid("8b7ca206-4790-4b9a-b8fe-575f050f886e");
const PAGE_83_DATA = guid("beca12ab-b2e6-4523-93ef-c309e000c746");

/**
 * Replaces the random identifiers that qemu-img writes into a VHDX (of the last write of file and data,
 * and of the virtual disk) with ones derived from the seed.
 * @throws Error when the file is not a VHDX.
 */
export async function fixVhdxIdentifiers(
	path: string,
	seed: string,
): Promise<void> {
	const file = await open(path, "r+");
	try {
		await fixHeaders(file, seed);
		const regions = await read(file, REGION_TABLE_AT, REGION_TABLE_BYTES);
		const region = findEntry(regions, REGION_ENTRIES, METADATA_REGION);
		const metadataAt = Number(region.readBigUInt64LE(16));
		const metadata = await read(file, metadataAt, METADATA_TABLE_BYTES);
		const page83 = findEntry(metadata, METADATA_ENTRIES, PAGE_83_DATA);
		const identifier = derivedUuidBytes(seed, "VHDX virtual disk");
		await file.write(identifier, 0, 16, metadataAt + page83.readUInt32LE(16));
	} finally {
		await file.close();
	}
}

/** The header with the higher sequence number is the valid one; the numbers are random too. */
async function fixHeaders(file: FileHandle, seed: string): Promise<void> {
	const headers = [];
	for (const offset of HEADERS_AT) {
		const bytes = await read(file, offset, HEADER_BYTES);
		if (bytes.toString("latin1", 0, 4) !== "head")
			throw new Error(`no VHDX header at byte ${offset}`);
		headers.push({ offset, bytes, sequence: bytes.readBigUInt64LE(8) });
	}
	headers.sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
	for (const [index, { offset, bytes }] of headers.entries()) {
		bytes.writeBigUInt64LE(BigInt(index + 1), 8);
		derivedUuidBytes(seed, "VHDX file write").copy(bytes, 16);
		derivedUuidBytes(seed, "VHDX data write").copy(bytes, 32);
		bytes.writeUInt32LE(0, 4);
		bytes.writeUInt32LE(crc32c(bytes), 4);
		await file.write(bytes, 0, HEADER_BYTES, offset);
	}
	const { bytes } = headers[1] as { bytes: Buffer };
	await clearLog(file, bytes);
}

/** Clears old log entries. A closed file's log is empty, marked by an all-zero GUID. */
async function clearLog(file: FileHandle, header: Buffer): Promise<void> {
	if (header.subarray(48, 64).some((byte) => byte !== 0))
		throw new Error("the VHDX was not closed: its log is not empty");
	const sizeBytes = header.readUInt32LE(68);
	const offset = Number(header.readBigUInt64LE(72));
	await file.write(Buffer.alloc(sizeBytes), 0, sizeBytes, offset);
}

async function read(
	file: FileHandle,
	offset: number,
	sizeBytes: number,
): Promise<Buffer> {
	const buffer = Buffer.alloc(sizeBytes);
	await file.read(buffer, 0, sizeBytes, offset);
	return buffer;
}

function findEntry(
	table: Buffer,
	entries: { first: number; size: number },
	name: Buffer,
): Buffer {
	for (
		let at = entries.first;
		at + entries.size <= table.length;
		at += entries.size
	) {
		const entry = table.subarray(at, at + entries.size);
		if (entry.subarray(0, 16).equals(name)) return entry;
	}
	throw new Error(`the VHDX has no entry ${name.toString("hex")}`);
}

/** A GUID's bytes: the first three groups are little-endian. */
function guid(text: string): Buffer {
	const bytes = Buffer.from(text.replaceAll("-", ""), "hex");
	bytes.subarray(0, 4).reverse();
	bytes.subarray(4, 6).reverse();
	bytes.subarray(6, 8).reverse();
	return bytes;
}
