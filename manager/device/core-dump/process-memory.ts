import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { type Mapping, parseMappings } from "./memory-map.ts";

export const PAGE_BYTES = 4096;
const PAGES_AT_A_TIME = 16_384;
/** Bytes of an entry of /proc/PID/pagemap; the bits of its upper half. */
const ENTRY_BYTES = 8;
const PRESENT = 0x8000_0000;
const SWAPPED = 0x4000_0000;
const OF_FILE = 0x2000_0000;

/** Pages that follow each other. */
export interface PageRun {
	readonly start: number;
	readonly end: number;
}

/** The memory of a process that stands still, through /proc. */
export class ProcessMemory {
	readonly mappings: readonly Mapping[];
	readonly #memory: number;
	readonly #pageMap: number;

	constructor(pid: number) {
		this.mappings = parseMappings(readFileSync(`/proc/${pid}/smaps`, "utf8"));
		this.#memory = openSync(`/proc/${pid}/mem`, "r");
		this.#pageMap = openSync(`/proc/${pid}/pagemap`, "r");
	}

	close(): void {
		closeSync(this.#memory);
		closeSync(this.#pageMap);
	}

	/**
	 * Yields the pages of a mapping that no file has: what was reserved and never used is left out,
	 * and so are unchanged pages of programs and libraries but for the first, which identifies them.
	 */
	*usedPages(mapping: Mapping): Generator<PageRun> {
		const { kind, start, end, isFileStart, residentBytes } = mapping;
		if (kind === "excluded" || residentBytes === 0) return;
		const entries = Buffer.alloc(PAGES_AT_A_TIME * ENTRY_BYTES);
		let run: PageRun | undefined;
		for (let from = start; from < end; from += PAGES_AT_A_TIME * PAGE_BYTES) {
			const count = Math.min(PAGES_AT_A_TIME, (end - from) / PAGE_BYTES);
			const position = (from / PAGE_BYTES) * ENTRY_BYTES;
			const size = count * ENTRY_BYTES;
			if (readSync(this.#pageMap, entries, 0, size, position) !== size) break;
			for (let index = 0; index < count; index++) {
				const page = from + index * PAGE_BYTES;
				const bits = entries.readUInt32LE(index * ENTRY_BYTES + 4);
				const isUsed =
					(bits & (PRESENT | SWAPPED)) !== 0 &&
					(kind !== "file" || (bits & OF_FILE) === 0);
				if (!isUsed && !(isFileStart && page === start)) continue;
				if (run?.end !== page) {
					if (run) yield run;
					run = { start: page, end: page };
				}
				run = { start: run.start, end: page + PAGE_BYTES };
			}
		}
		if (run) yield run;
	}

	/** Reads into a buffer; what cannot be read is zeros. */
	read(address: number, bytes: Buffer): void {
		if (this.#readsAll(address, bytes)) return;
		for (let offset = 0; offset < bytes.length; offset += PAGE_BYTES) {
			const page = bytes.subarray(offset, offset + PAGE_BYTES);
			if (!this.#readsAll(address + offset, page)) page.fill(0);
		}
	}

	#readsAll(address: number, bytes: Buffer): boolean {
		try {
			const { length } = bytes;
			return readSync(this.#memory, bytes, 0, length, address) === length;
		} catch {
			return false; // such as a file that was truncated below its mapping
		}
	}
}
