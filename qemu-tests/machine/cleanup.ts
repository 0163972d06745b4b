import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onExit } from "signal-exit";

const directoryPrefix = "app-platform-vm-";
const pending = new Set<() => void>();

// Runs on a normal exit, on SIGINT and SIGTERM (ava's time limit), and on an uncaught error. SIGKILL cannot be
// caught: QEMU has a parent-death signal for it, and the next run removes leftover directories.
onExit(() => {
	for (const undo of pending) undo();
});

// The main process of the tests was killed and could not stop this one.
process.once("disconnect", () => process.exit(1));

/** Calls `undo` when this process exits, unless the returned function is called first. */
export function atExit(undo: () => void): () => void {
	pending.add(undo);
	return () => pending.delete(undo);
}

/** Creates a directory that is removed when this process exits. Its path is short, as UNIX socket paths must be. */
export function temporaryDirectory(): { path: string; remove(): void } {
	removeOrphans();
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

function removeOrphans(): void {
	for (const name of readdirSync(tmpdir()))
		if (isOrphan(name))
			rmSync(join(tmpdir(), name), { recursive: true, force: true });
}

/** Returns whether a name is that of such a directory, or derived from it, and its process is gone. */
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
