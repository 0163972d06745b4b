import { execFileSync } from "node:child_process";
import {
	closeSync,
	fstatSync,
	ftruncateSync,
	openSync,
	readSync,
	writeSync,
} from "node:fs";
import type { Range, WriteLog } from "./write-log.ts";

export const SECTOR_BYTES = 512;

/** Partitions begin at multiples of this. */
const chunkBytes = 1024 * 1024;

/**
 * What a power cut has left: all entries of the log before one of them, and some of those that
 * the disk still had in its cache, each whole or only some of its sectors.
 */
export interface Cut {
	kind: "prefix" | "torn" | "reordered";
	/** The number of entries from the first on that are complete on the disk. */
	complete: number;
	/** Later ones that have overtaken the others or are torn, in ascending order. */
	also: readonly PartOfWrite[];
}

export interface PartOfWrite {
	entry: number;
	/** Counted from the first of the write; without this, all. */
	sectors?: readonly number[];
}

/**
 * The disk at one cut after the other, in a raw file that starts as a copy of the base. From
 * a cut to a later one only what lies between them is written.
 */
export class DiskState {
	readonly path: string;
	readonly sizeBytes: number;
	readonly #log: WriteLog;
	readonly #regions: readonly Range[];
	readonly #file: number;
	readonly #versions: number[];
	/** The numbers of the chunks that are more than a hole. */
	readonly #chunks: Set<number>;
	#complete = 0;
	#latestVersion = 0;

	/** Takes over the file. The regions are those whose versions are asked for. */
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

	/** Does the work on the disk as this cut has left it. Cuts must come in order. */
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

	/** Leaves the disk as this cut has. */
	keep(cut: Cut): void {
		this.#advance(cut.complete);
		for (const { part, data } of this.#parts(cut.also)) this.#write(part, data);
	}

	read({ startBytes, sizeBytes }: Range): Buffer {
		const content = Buffer.alloc(sizeBytes);
		readSync(this.#file, content, 0, sizeBytes, startBytes);
		return content;
	}

	/** Copies a part of the disk to a file of its own, without its holes. */
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

	/** A number that is the same as long as nothing in the region has changed. */
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
