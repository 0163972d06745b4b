import { execFileSync } from "node:child_process";
import {
	closeSync,
	fstatSync,
	ftruncateSync,
	openSync,
	readSync,
	writeSync,
} from "node:fs";
import { ALIGNMENT_BYTES, SECTOR_BYTES } from "../../partitioning/layout.ts";
import type { Range, WriteLog } from "./write-log.ts";

/** Partitions start at multiples of this. */
const chunkBytes = ALIGNMENT_BYTES;

/**
 * What a power cut leaves: all entries of the log up to a point, and some later ones from the disk's cache, each whole
 * or only some of its sectors.
 */
export interface Cut {
	kind: "prefix" | "torn" | "reordered";
	/** The number of entries, from the first, that are complete on the disk. */
	complete: number;
	/** Later entries that were reordered or torn, in ascending order. */
	also: readonly PartOfWrite[];
}

export interface PartOfWrite {
	entry: number;
	/** Relative to the start of the write; all if not given. */
	sectors?: readonly number[];
}

/**
 * The disk at successive cuts, in a raw file that starts as a copy of the base. From one cut to a later one only the
 * entries in between are written.
 */
export class DiskState {
	readonly path: string;
	readonly sizeBytes: number;
	readonly #log: WriteLog;
	readonly #regions: readonly Range[];
	readonly #file: number;
	readonly #versions: number[];
	/** The numbers of the chunks with data. */
	readonly #chunks: Set<number>;
	#complete = 0;
	#latestVersion = 0;

	/** Takes ownership of the file. @param regionsOf returns the regions whose versions are tracked. */
	constructor(
		path: string,
		log: WriteLog,
		regionsOf: (diskBytes: number) => readonly Range[],
	) {
		this.path = path;
		this.#log = log;
		this.#file = openSync(path, "r+");
		this.sizeBytes = fstatSync(this.#file).size;
		this.#regions = regionsOf(this.sizeBytes);
		this.#versions = this.#regions.map(() => 0);
		this.#chunks = chunksWithData(path);
	}

	/** Runs the work on the disk as this cut leaves it. Cuts must be in order. */
	async at<Result>(cut: Cut, work: () => Promise<Result>): Promise<Result> {
		this.#advance(cut.complete);
		const versions = [...this.#versions];
		const before: { part: Range; content: Buffer }[] = [];
		for (const { part, data } of this.#parts(cut.also)) {
			before.push({ part, content: this.read(part) });
			this.#write(part, data);
		}
		try {
			return await work();
		} finally {
			for (const { part, content } of before.reverse())
				this.#write(part, content);
			versions.forEach((version, index) => {
				this.#versions[index] = version;
			});
		}
	}

	/** Leaves the file as this cut leaves the disk. */
	keep(cut: Cut): void {
		this.#advance(cut.complete);
		for (const { part, data } of this.#parts(cut.also)) this.#write(part, data);
	}

	read({ startBytes, sizeBytes }: Range): Buffer {
		const content = Buffer.alloc(sizeBytes);
		readSync(this.#file, content, 0, sizeBytes, startBytes);
		return content;
	}

	/** Copies a part of the disk to a separate file, without its holes. */
	copy(range: Range, path: string): void {
		const file = openSync(path, "w");
		const end = range.startBytes + range.sizeBytes;
		for (
			let startBytes = range.startBytes;
			startBytes < end;
			startBytes += chunkBytes
		) {
			if (!this.#chunks.has(startBytes / chunkBytes)) continue;
			const sizeBytes = Math.min(chunkBytes, end - startBytes);
			const content = this.read({ startBytes, sizeBytes });
			writeSync(file, content, 0, sizeBytes, startBytes - range.startBytes);
		}
		ftruncateSync(file, range.sizeBytes);
		closeSync(file);
	}

	/** Returns a number that stays the same while the region is unchanged. */
	version(region: number): number {
		return this.#versions[region] ?? 0;
	}

	close(): void {
		closeSync(this.#file);
	}

	#advance(complete: number): void {
		if (complete < this.#complete)
			throw new Error("The disk cannot go back to an earlier cut");
		for (; this.#complete < complete; this.#complete++) {
			const entry = this.#log.entries[this.#complete];
			if (entry && entry.kind !== "flush")
				this.#write(entry, this.#log.data(entry));
		}
	}

	*#parts(
		also: readonly PartOfWrite[],
	): Generator<{ part: Range; data: Buffer }> {
		for (const { entry: index, sectors } of also) {
			const entry = this.#log.entries[index];
			if (!entry || entry.kind === "flush") continue;
			const data = this.#log.data(entry);
			if (!sectors) yield { part: entry, data };
			for (const sector of sectors ?? []) {
				const start = sector * SECTOR_BYTES;
				const part = {
					startBytes: entry.startBytes + start,
					sizeBytes: SECTOR_BYTES,
				};
				yield { part, data: data.subarray(start, start + SECTOR_BYTES) };
			}
		}
	}

	#write(range: Range, data: Buffer): void {
		writeSync(this.#file, data, 0, range.sizeBytes, range.startBytes);
		for (const chunk of chunksOf(range)) this.#chunks.add(chunk);
		this.#latestVersion++;
		this.#regions.forEach((region, index) => {
			if (overlap(region, range)) this.#versions[index] = this.#latestVersion;
		});
	}
}

function* chunksOf({ startBytes, sizeBytes }: Range): Generator<number> {
	const end = startBytes + sizeBytes;
	const first = Math.floor(startBytes / chunkBytes);
	for (let chunk = first; chunk * chunkBytes < end; chunk++) yield chunk;
}

function chunksWithData(path: string): Set<number> {
	const map = execFileSync("qemu-img", [
		...["map", "-f", "raw", "--output=json", path],
	]);
	const chunks = new Set<number>();
	for (const { start, length, data } of JSON.parse(String(map)) as {
		start: number;
		length: number;
		data: boolean;
	}[])
		if (data)
			for (const chunk of chunksOf({ startBytes: start, sizeBytes: length }))
				chunks.add(chunk);
	return chunks;
}

export function overlap(one: Range, other: Range): boolean {
	return (
		one.startBytes < other.startBytes + other.sizeBytes &&
		other.startBytes < one.startBytes + one.sizeBytes
	);
}
