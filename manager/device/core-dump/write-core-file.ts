import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatMegabytes, writeCoreFile } from "./core-file.ts";

// write-core-file DIRECTORY [FILE]: the second half of gdb's command gcore (/etc/gdb/gdbinit), after
// gcore-begin, which prepares the directory. gdb writes only the notes, to the file `notes` in the
// directory, and its messages to the standard input of this program: when that ends, gdb is done.
const [directory, file] = process.argv.slice(2);
try {
	if (directory === undefined) throw new Error("the directory is missing");
	const messages = readFileSync(0, "utf8");
	const read = (name: string) => readFileSync(join(directory, name), "utf8");
	const pid = Number(read("pid"));
	try {
		writeFileSync(`/proc/${pid}/coredump_filter`, `0x${read("filter").trim()}`);
		const notesFile = readNotesFile(directory, messages);
		const outputFile = file ?? `core.${pid}`;
		const bytes = writeCoreFile(pid, { notesFile, outputFile });
		console.log(`Saved corefile ${outputFile} (${formatMegabytes(bytes)})`);
	} finally {
		rmSync(directory, { recursive: true });
	}
} catch (error) {
	console.error(
		`gcore: ${error instanceof Error ? error.message : String(error)}`,
	);
	process.exitCode = 1;
}

/** @throws Error with gdb's messages if it wrote no notes. */
function readNotesFile(directory: string, messages: string): Buffer {
	try {
		return readFileSync(join(directory, "notes"));
	} catch {
		throw new Error(`gdb saved no registers. ${messages.trim()}`.trim());
	}
}
