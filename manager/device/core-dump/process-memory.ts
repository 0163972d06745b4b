import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { type Mapping, parseMappings } from "./memory-map.ts";

export const PAGE_BYTES = 4096;
const PAGES_AT_A_TIME = 16_384;
/** Size of an entry of /proc/PID/pagemap. */
const ENTRY_BYTES = 8;
/** Bits of the upper half of an entry. */
const PRESENT = 0x8000_0000;
const SWAPPED = 0x4000_0000;
const FILE_PAGE = 0x2000_0000;

/** Contiguous pages. */
export interface PageRun {
	readonly start: number;
	readonly end: number;
}

/** Reads the memory of a stopped process through /proc. */
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
	 * Yields the pages of a mapping to store. Leaves out memory that was reserved but never used, and
	 * unchanged pages of programs and libraries, except the first page, which identifies the file.
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
					(kind !== "file" || (bits & FILE_PAGE) === 0);
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

	/** Fills a buffer from an address; pages that cannot be read become zeros. */
	read(address: number, bytes: Buffer): void {
		if (this.#readAll(address, bytes)) return;
		for (let offset = 0; offset < bytes.length; offset += PAGE_BYTES) {
			const page = bytes.subarray(offset, offset + PAGE_BYTES);
			if (!this.#readAll(address + offset, page)) page.fill(0);
		}
	}

	#readAll(address: number, bytes: Buffer): boolean {
		try {
			const { length } = bytes;
			return readSync(this.#memory, bytes, 0, length, address) === length;
		} catch {
			return false; // For example, the mapped file has been truncated.
		}
	}
}
