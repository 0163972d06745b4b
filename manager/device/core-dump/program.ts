import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { megabytes, writeCoreFile } from "./core-file.ts";

// write-core-file DIRECTORY [FILE]: the second half of gdb's command gcore (/etc/gdb/gdbinit), which
// gcore-begin has begun in that directory. gdb writes only what it alone knows, the notes, to the
// file `notes` there, and its messages to our standard input: when that ends, gdb is done.
const [directory, file] = process.argv.slice(2);
try {
	if (directory === undefined) throw new Error("the directory is missing");
	const messages = readFileSync(0, "utf8");
	const of = (name: string) => readFileSync(join(directory, name), "utf8");
	const pid = Number(of("pid"));
	try {
		writeFileSync(`/proc/${pid}/coredump_filter`, `0x${of("filter").trim()}`);
		const notesFile = notesIn(directory, messages);
		const outputFile = file ?? `core.${pid}`;
		const bytes = writeCoreFile(pid, { notesFile, outputFile });
		console.log(`Saved corefile ${outputFile} (${megabytes(bytes)})`);
	} finally {
		rmSync(directory, { recursive: true });
	}
} catch (error) {
	console.error(
		`gcore: ${error instanceof Error ? error.message : String(error)}`,
	);
	process.exitCode = 1;
}

/** @throws Error with what gdb said, when it wrote nothing. */
function notesIn(directory: string, messages: string): Buffer {
	try {
		return readFileSync(join(directory, "notes"));
	} catch {
		throw new Error(`gdb saved no registers. ${messages.trim()}`.trim());
	}
}
