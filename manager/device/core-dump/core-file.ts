import {
	closeSync,
	openSync,
	renameSync,
	rmSync,
	statfsSync,
	writeSync,
} from "node:fs";
import { dirname } from "node:path";
import {
	createHeader,
	createProgramHeaders,
	parseElfFormat,
	readNotes,
	type Segment,
} from "./elf-core.ts";
import { PAGE_BYTES, ProcessMemory } from "./process-memory.ts";

const BUFFER_BYTES = 1 << 20;
/** Runs of zeros from this length on are not stored: 64 KB. */
const ZEROS_BYTES = 16 * PAGE_BYTES;
/** Gaps up to this size are filled. It grows with the number of segments: an ELF file has at most 65,534. */
const maxGapBytes = (segments: number) =>
	PAGE_BYTES * (segments > 50_000 ? 4096 : segments > 30_000 ? 16 : 1);

const zeroPage = Buffer.alloc(PAGE_BYTES);

/**
 * Writes the core file of a process that a debugger has stopped: its memory in use, and the notes of a
 * core file that the debugger wrote. Replaces an existing file when the new one is complete.
 * @returns the size of the file in bytes.
 * @throws Error if there is not enough space.
 */
export function writeCoreFile(
	pid: number,
	{ notesFile, outputFile }: { notesFile: Buffer; outputFile: string },
): number {
	const memory = new ProcessMemory(pid);
	assertSpace(memory, outputFile);
	const partialFile = `${outputFile}.partial`;
	// An existing file of that name could be a symbolic link.
	rmSync(partialFile, { force: true });
	const file = openSync(partialFile, "wx", 0o666);
	try {
		const writer = new CoreWriter(file, memory);
		for (const mapping of memory.mappings) writer.addMapping(mapping);
		const bytes = writer.finish(notesFile);
		renameSync(partialFile, outputFile);
		return bytes;
	} catch (error) {
		rmSync(partialFile, { force: true });
		throw error;
	} finally {
		closeSync(file);
		memory.close();
	}
}

function assertSpace(memory: ProcessMemory, outputFile: string): void {
	const maxBytes = memory.mappings
		.filter(({ kind }) => kind === "anonymous" || kind === "shared memory")
		.reduce((sum, { residentBytes }) => sum + residentBytes, 0);
	const directory = dirname(outputFile);
	const { bavail, bsize } = statfsSync(directory);
	if (maxBytes > bavail * bsize)
		throw new Error(
			`no space for ${outputFile}: it needs ${formatMegabytes(maxBytes)} and ${formatMegabytes(bavail * bsize)} are free. Change to a directory with more space, such as /home/admin.`,
		);
}

export const formatMegabytes = (bytes: number) =>
	`${Math.ceil(bytes / 1e6)} MB`;

class CoreWriter {
	readonly #file: number;
	readonly #memory: ProcessMemory;
	readonly #buffer = Buffer.alloc(BUFFER_BYTES);
	readonly #segments: Segment[] = [];
	/** The offset of the next bytes. The first page is reserved for the header. */
	#offset = PAGE_BYTES;

	constructor(file: number, memory: ProcessMemory) {
		this.#file = file;
		this.#memory = memory;
	}

	addMapping(mapping: ProcessMemory["mappings"][number]): void {
		const { start, end, flags } = mapping;
		if (mapping.kind === "excluded") return;
		const first = this.#segments.length;
		for (const run of this.#memory.usedPages(mapping))
			for (let from = run.start; from < run.end; from += BUFFER_BYTES)
				this.#addPages(from, Math.min(run.end, from + BUFFER_BYTES), {
					first,
					flags,
				});
		// Memory that is not stored belongs to the segment before it, so that its addresses stay known.
		if (this.#segments.length === first) this.#begin(start, flags);
		const added = this.#segments.slice(first);
		for (const [index, segment] of added.entries()) {
			const next = added[index + 1]?.address ?? end;
			segment.memoryBytes = next - segment.address;
		}
	}

	/** Stores contiguous pages, except long runs of zeros. */
	#addPages(
		start: number,
		end: number,
		mapping: { first: number; flags: number },
	): void {
		const bytes = this.#buffer.subarray(0, end - start);
		this.#memory.read(start, bytes);
		for (let offset = 0; offset < bytes.length; ) {
			const zeros = zeroBytes(bytes, offset);
			if (zeros >= ZEROS_BYTES) {
				offset += zeros;
				continue;
			}
			let until = offset + zeros;
			while (until < bytes.length && zeroBytes(bytes, until) < ZEROS_BYTES)
				until += Math.max(PAGE_BYTES, zeroBytes(bytes, until));
			this.#store(start + offset, bytes.subarray(offset, until), mapping);
			offset = until;
		}
	}

	#store(
		address: number,
		bytes: Buffer,
		{ first, flags }: { first: number; flags: number },
	): void {
		const hasSegment = this.#segments.length > first;
		let segment = this.#segments.at(-1);
		const gap =
			segment && hasSegment
				? address - (segment.address + segment.fileBytes)
				: Number.POSITIVE_INFINITY;
		if (!segment || gap > maxGapBytes(this.#segments.length))
			segment = this.#begin(address, flags);
		else
			for (let filled = 0; filled < gap; filled += PAGE_BYTES)
				this.#append(segment, zeroPage);
		this.#append(segment, bytes);
	}

	#begin(address: number, flags: number): Segment {
		const segment: Segment = {
			...{ address, flags, memoryBytes: 0, fileBytes: 0 },
			fileOffset: this.#offset,
		};
		this.#segments.push(segment);
		return segment;
	}

	#append(segment: Segment, bytes: Buffer): void {
		this.#write(bytes);
		segment.fileBytes += bytes.length;
	}

	/** Writes the notes and program headers after the memory, then the header at the start. */
	finish(notesFile: Buffer): number {
		const notes = readNotes(notesFile);
		const location = { fileOffset: this.#offset, fileBytes: notes.length };
		this.#write(notes);
		const offset = this.#offset;
		this.#write(
			createProgramHeaders(parseElfFormat(notesFile), location, this.#segments),
		);
		const header = createHeader(notesFile, {
			offset,
			count: this.#segments.length + 1,
		});
		writeAll(this.#file, header, 0);
		return this.#offset;
	}

	#write(bytes: Buffer): void {
		writeAll(this.#file, bytes, this.#offset);
		this.#offset += bytes.length;
	}
}

function writeAll(file: number, bytes: Buffer, offset: number): void {
	for (let done = 0; done < bytes.length; )
		done += writeSync(file, bytes, done, bytes.length - done, offset + done);
}

/** Returns the length of the run of zero pages at an offset. */
function zeroBytes(bytes: Buffer, offset: number): number {
	let end = offset;
	while (
		end < bytes.length &&
		bytes.compare(zeroPage, 0, PAGE_BYTES, end, end + PAGE_BYTES) === 0
	)
		end += PAGE_BYTES;
	return end - offset;
}
