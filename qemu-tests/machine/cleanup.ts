import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onExit } from "signal-exit";

const directoryPrefix = "app-platform-vm-";
const pending = new Set<() => void>();

// Runs on a normal end, on SIGINT and SIGTERM (ava's time limit), and on an uncaught error.
// Against SIGKILL, which nobody can catch, QEMU is started with a parent-death signal and
// the next run sweeps what lies about.
onExit(() => {
	for (const undo of pending) undo();
});

// The main process of the tests was killed and could not tell this one to stop.
process.once("disconnect", () => process.exit(1));

/** Calls `undo` when this process ends, unless the returned function was called before. */
export function atExit(undo: () => void): () => void {
	pending.add(undo);
	return () => pending.delete(undo);
}

/** A directory that lives as long as this process. Short, as UNIX socket paths have to be. */
export function temporaryDirectory(): { path: string; remove(): void } {
	sweepOrphans();
	const path = mkdtempSync(join(tmpdir(), `${directoryPrefix}${process.pid}-`));
	const remove = () => rmSync(path, { recursive: true, force: true });
	const forget = atExit(remove);
	return {
		path,
		remove() {
			forget();
			remove();
		},
	};
}

function sweepOrphans(): void {
	for (const name of readdirSync(tmpdir()))
		if (isOrphan(name))
			rmSync(join(tmpdir(), name), { recursive: true, force: true });
}

/** Whether a name is that of a directory above, or of something called like it, whose process is gone. */
export function isOrphan(name: string): boolean {
	const owner = /^app-platform-vm-(\d+)-/.exec(name)?.[1];
	return owner !== undefined && !isAlive(Number(owner));
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}
