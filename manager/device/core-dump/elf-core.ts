const PT_LOAD = 1;
const PT_NOTE = 4;

/** The class and byte order of an ELF file. Offsets of its fields depend on the class. */
export interface ElfFormat {
	readonly is64: boolean;
	readonly isLittleEndian: boolean;
	readonly headerSize: number;
	readonly programHeaderSize: number;
}

/** A range of a process's memory in a core file. */
export interface Segment {
	address: number;
	/** The size in the process; larger than in the file if the end is not stored. */
	memoryBytes: number;
	fileOffset: number;
	fileBytes: number;
	/** 4 readable, 2 writable, 1 executable. */
	flags: number;
}

/** @throws Error if the bytes are not the beginning of an ELF file. */
export function parseElfFormat(file: Buffer): ElfFormat {
	if (file.toString("latin1", 0, 4) !== "\x7fELF")
		throw new Error("not an ELF file");
	const is64 = file[4] === 2;
	return {
		is64,
		isLittleEndian: file[5] === 1,
		headerSize: is64 ? 64 : 52,
		programHeaderSize: is64 ? 56 : 32,
	};
}

/** Returns the notes of a core file: registers of each thread, names of mapped files and more. */
export function readNotes(file: Buffer): Buffer {
	const format = parseElfFormat(file);
	const view = fields(file, format);
	const first = view.word(format.is64 ? 32 : 28);
	const count = view.half(format.is64 ? 56 : 44);
	const offsets = format.is64
		? { offset: 8, fileBytes: 32 }
		: { offset: 4, fileBytes: 16 };
	for (let index = 0; index < count; index++) {
		const header = first + index * format.programHeaderSize;
		if (view.int(header) !== PT_NOTE) continue;
		const offset = view.word(header + offsets.offset);
		return file.subarray(
			offset,
			offset + view.word(header + offsets.fileBytes),
		);
	}
	throw new Error("the core file has no notes");
}

/** Returns the header of a core file. Machine and class are those of an example file. */
export function createHeader(
	example: Buffer,
	programHeaders: { offset: number; count: number },
): Buffer {
	const format = parseElfFormat(example);
	const header = Buffer.from(example.subarray(0, format.headerSize));
	const view = fields(header, format);
	view.setWord(format.is64 ? 32 : 28, programHeaders.offset);
	view.setWord(format.is64 ? 40 : 32, 0); // no sections
	const counts = format.is64 ? 56 : 44;
	view.setHalf(counts, programHeaders.count);
	for (const section of [2, 4, 6]) view.setHalf(counts + section, 0);
	return header;
}

/** Returns the program headers: the notes first, then the memory. */
export function createProgramHeaders(
	format: ElfFormat,
	notes: { fileOffset: number; fileBytes: number },
	segments: readonly Segment[],
): Buffer {
	const size = format.programHeaderSize;
	const table = Buffer.alloc((segments.length + 1) * size);
	const all = [
		{ type: PT_NOTE, address: 0, memoryBytes: 0, flags: 4, ...notes },
		...segments.map((segment) => ({ type: PT_LOAD, ...segment })),
	];
	for (const [index, segment] of all.entries()) {
		const view = fields(
			table.subarray(index * size, (index + 1) * size),
			format,
		);
		const { fileOffset, address, fileBytes, memoryBytes, flags } = segment;
		view.setInt(0, segment.type);
		// The order of the words is the same in both classes; the position of the flags differs.
		const words = [fileOffset, address, 0, fileBytes, memoryBytes];
		for (const [word, value] of words.entries())
			view.setWord(format.is64 ? 8 + word * 8 : 4 + word * 4, value);
		view.setInt(format.is64 ? 4 : 24, flags);
		view.setWord(format.is64 ? 48 : 28, 1);
	}
	return table;
}

/** Reads and writes numbers in a format's word size and byte order. */
function fields(bytes: Buffer, { is64, isLittleEndian }: ElfFormat) {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	const little = isLittleEndian;
	return {
		half: (offset: number) => view.getUint16(offset, little),
		int: (offset: number) => view.getUint32(offset, little),
		word: (offset: number) =>
			is64
				? Number(view.getBigUint64(offset, little))
				: view.getUint32(offset, little),
		setHalf: (offset: number, value: number) =>
			view.setUint16(offset, value, little),
		setInt: (offset: number, value: number) =>
			view.setUint32(offset, value, little),
		setWord: (offset: number, value: number) =>
			is64
				? view.setBigUint64(offset, BigInt(value), little)
				: view.setUint32(offset, value, little),
	};
}
