import { closeSync, openSync, readSync, statSync } from "node:fs";

/** A range of bytes on the disk. */
export interface Range {
	startBytes: number;
	sizeBytes: number;
}

/** An entry of a log, which has the order in which the disk completed them. */
export type Entry =
	| { kind: "flush" }
	| ({ kind: "discard" } & Range)
	| ({ kind: "write"; dataOffset: number } & Range);

export type Write = Exclude<Entry, { kind: "flush" }>;

const magic = 0x6a736677736872n;
const flags = { flush: 1n, forceUnitAccess: 2n, discard: 4n, mark: 8n };
const allFlags = 15n;
const entryHeaderBytes = 32;

/**
 * The log that QEMU's driver blklogwrites writes, in the format of dm-log-writes: a superblock, then each entry in a
 * separate sector followed by its data, all little endian. Discards have no data. The superblock's count is updated only
 * at flushes and at intervals: entries beyond it were written too, unless QEMU ended within an entry.
 */
export class WriteLog {
	readonly entries: readonly Entry[];
	readonly #file: number;

	constructor(path: string) {
		this.#file = openSync(path, "r");
		this.entries = readEntries(this.#file, statSync(path).size);
	}

	/** Returns the written data, or zeros for a discard. */
	data(entry: Write): Buffer {
		const data = Buffer.alloc(entry.sizeBytes);
		if (entry.kind === "write")
			readSync(this.#file, data, 0, entry.sizeBytes, entry.dataOffset);
		return data;
	}

	close(): void {
		closeSync(this.#file);
	}
}

function readEntries(file: number, fileBytes: number): Entry[] {
	const header = Buffer.alloc(entryHeaderBytes);
	readSync(file, header, 0, entryHeaderBytes, 0);
	if (header.readBigUInt64LE(0) !== magic || header.readBigUInt64LE(8) !== 1n)
		throw new Error("This is not a write log: no flush has reached it");
	const counted = Number(header.readBigUInt64LE(16));
	const sectorBytes = header.readUInt32LE(24);

	const entries: Entry[] = [];
	let offset = sectorBytes;
	while (offset + sectorBytes <= fileBytes) {
		readSync(file, header, 0, entryHeaderBytes, offset);
		const startBytes = Number(header.readBigUInt64LE(0)) * sectorBytes;
		const sizeBytes = Number(header.readBigUInt64LE(8)) * sectorBytes;
		const entryFlags = header.readBigUInt64LE(16);
		const isDiscard = (entryFlags & flags.discard) !== 0n;
		const dataOffset = offset + sectorBytes;
		const end = dataOffset + (isDiscard ? 0 : sizeBytes);
		const isWhole =
			end <= fileBytes &&
			(entryFlags & ~allFlags) === 0n &&
			(sizeBytes > 0 || entryFlags !== 0n);
		if (!isWhole) break;
		// In dm-log-writes, as in the block layer, a flush precedes the data of its entry. Forced unit access acts as
		// a flush after the data.
		if (entryFlags & flags.flush) entries.push({ kind: "flush" });
		if (sizeBytes > 0)
			entries.push(
				isDiscard
					? { kind: "discard", startBytes, sizeBytes }
					: { kind: "write", startBytes, sizeBytes, dataOffset },
			);
		if (entryFlags & flags.forceUnitAccess) entries.push({ kind: "flush" });
		offset = end;
	}
	if (entries.length < counted)
		throw new Error(
			`The log should have ${counted} entries, but only ${entries.length} can be read`,
		);
	return entries;
}
