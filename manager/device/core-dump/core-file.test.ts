import { spawn } from "node:child_process";
import { once } from "node:events";
import {
	mkdtemp,
	readdir,
	readFile,
	rm,
	stat,
	writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { writeCoreFile } from "./core-file.ts";
import {
	createHeader,
	createProgramHeaders,
	parseElfFormat,
	readNotes,
	type Segment,
} from "./elf-core.ts";

/** Returns a file as a debugger writes it: this machine's ELF header, notes, no memory. */
async function debuggerNotesFile(): Promise<Buffer> {
	const node = await readFile(process.execPath);
	const format = parseElfFormat(node);
	const notes = Buffer.from("the registers of each thread");
	const offset = format.headerSize;
	const header = createHeader(node, { offset, count: 1 });
	const location = {
		fileOffset: offset + format.programHeaderSize,
		fileBytes: notes.length,
	};
	return Buffer.concat([
		header,
		createProgramHeaders(format, location, []),
		notes,
	]);
}

/** Starts and stops a Node process that has reserved gigabytes, as WebAssembly does. */
async function stoppedProcess(t: ExecutionContext) {
	const program = `
		const memory = new WebAssembly.Memory({ initial: 1 });
		const used = Buffer.alloc(20e6, "kept in the core file ");
		console.log("ready");
		setInterval(() => [memory, used], 1e6)`;
	const child = spawn(process.execPath, ["-e", program], {
		env: {},
		stdio: ["ignore", "pipe", "inherit"],
	});
	t.teardown(() => child.kill("SIGKILL"));
	await once(child.stdout, "data");
	child.kill("SIGSTOP");
	const { pid } = child;
	if (pid === undefined) throw new Error("no process");
	const status = await readFile(`/proc/${pid}/status`, "utf8");
	const bytes = (name: string) =>
		1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
	return { pid, resident: bytes("VmRSS"), reserved: bytes("VmSize") };
}

test("a core file contains memory in use, not memory reserved, also when written twice", async (t) => {
	const directory = await mkdtemp(join(tmpdir(), "core-file-"));
	t.teardown(() => rm(directory, { recursive: true }));
	const { pid, resident, reserved } = await stoppedProcess(t);
	t.true(reserved > 10 * resident, `${reserved} bytes are reserved`);
	const notesFile = await debuggerNotesFile();
	const outputFile = join(directory, `core.${pid}`);
	await writeFile(`${outputFile}.partial`, "left by a power cut");
	for (let run = 1; run <= 2; run++) {
		const bytes = writeCoreFile(pid, { notesFile, outputFile });
		const { size, blocks } = await stat(outputFile);
		t.is(size, bytes);
		t.true(size <= 2 * resident, `run ${run}: ${size} bytes for ${resident}`);
		t.true(blocks * 512 <= 2 * resident, `run ${run}: ${blocks} blocks`);
	}
	t.deepEqual(await readdir(directory), [`core.${pid}`]);

	const core = await readFile(outputFile);
	t.is(readNotes(core).toString(), "the registers of each thread");
	t.true(core.indexOf("kept in the core file ".repeat(100_000)) > 0);
	const segments = readSegments(core);
	t.true(segments.length > 10);
	let end = 0;
	for (const { address, memoryBytes, fileOffset, fileBytes } of segments) {
		t.true(address >= end && fileBytes <= memoryBytes && memoryBytes > 0);
		t.true(fileOffset + fileBytes <= core.length);
		end = address + memoryBytes;
	}
});

test("without enough space, the error says how much a core file needs", async (t) => {
	const { pid } = await stoppedProcess(t);
	t.throws(
		() =>
			writeCoreFile(pid, {
				notesFile: Buffer.alloc(0),
				outputFile: "/proc/core",
			}),
		{
			message: /^no space for \/proc\/core: it needs \d+ MB and 0 MB are free/,
		},
	);
});

/** Parses the memory segments of a 64-bit core file. */
function readSegments(core: Buffer): Segment[] {
	const first = Number(core.readBigUInt64LE(32));
	const count = core.readUInt16LE(56);
	return Array.from({ length: count - 1 }, (_, index) => {
		const header = core.subarray(first + (index + 1) * 56);
		const word = (offset: number) => Number(header.readBigUInt64LE(offset));
		return {
			flags: header.readUInt32LE(4),
			fileOffset: word(8),
			address: word(16),
			fileBytes: word(32),
			memoryBytes: word(40),
		};
	});
}
