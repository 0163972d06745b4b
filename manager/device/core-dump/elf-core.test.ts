import test from "ava";
import {
	createHeader,
	createProgramHeaders,
	parseElfFormat,
	readNotes,
} from "./elf-core.ts";

/** Returns the header of a core file for ARM (40) or AArch64 (183). */
function header(is64: boolean): Buffer {
	const bytes = Buffer.alloc(is64 ? 64 : 52);
	bytes.write("\x7fELF", "latin1");
	bytes.set([is64 ? 2 : 1, 1, 1], 4);
	bytes.writeUInt16LE(4, 16);
	bytes.writeUInt16LE(is64 ? 183 : 40, 18);
	bytes.writeUInt16LE(3, bytes.length - 4); // sections
	return bytes;
}

for (const is64 of [true, false])
	test(`writes and reads core files of ${is64 ? 64 : 32} bits`, (t) => {
		const example = header(is64);
		const format = parseElfFormat(example);
		const notes = Buffer.from("notes");
		const address = is64 ? 0x7fff_ffff_f000 : 0xbeff_f000;
		const segment = {
			...{ address, memoryBytes: 0x3000, fileOffset: 0x1000 },
			...{ fileBytes: 0x2000, flags: 6 },
		};
		const table = createProgramHeaders(
			format,
			{ fileOffset: format.headerSize, fileBytes: notes.length },
			[segment],
		);
		const offset = format.headerSize + notes.length;
		const core = Buffer.concat([
			createHeader(example, { offset, count: 2 }),
			notes,
			table,
		]);
		t.is(readNotes(core).toString(), "notes");
		t.deepEqual(core.subarray(0, 20), example.subarray(0, 20));
		t.is(core.readUInt16LE(format.headerSize - 4), 0, "sections");
		// See elf(5): the flags are the second field of 64-bit headers, the last but one of 32-bit headers.
		const load = table.subarray(format.programHeaderSize);
		if (is64) {
			t.deepEqual([load.readUInt32LE(0), load.readUInt32LE(4)], [1, 6]);
			t.deepEqual(
				[8, 16, 24, 32, 40, 48].map((at) => Number(load.readBigUInt64LE(at))),
				[0x1000, address, 0, 0x2000, 0x3000, 1],
			);
		} else
			t.deepEqual(
				[0, 4, 8, 12, 16, 20, 24, 28].map((at) => load.readUInt32LE(at)),
				[1, 0x1000, address, 0, 0x2000, 0x3000, 6, 1],
			);
	});

test("other files, and core files without notes, are refused", (t) => {
	t.throws(() => parseElfFormat(Buffer.from("text")), {
		message: /not an ELF/,
	});
	t.throws(() => readNotes(header(true)), { message: /has no notes/ });
});
