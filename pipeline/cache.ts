import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";

/** Older results of a stage that are kept, for switching between branches. */
const KEPT_RESULTS_PER_STAGE = 3;

/**
 * The directory outside the tree that holds finished stages, downloads and logs:
 * $APP_PLATFORM_CACHE, else $XDG_CACHE_HOME/app-platform, else ~/.cache/app-platform.
 */
export function cacheDirectory(): string {
	const { APP_PLATFORM_CACHE, XDG_CACHE_HOME } = process.env;
	return (
		APP_PLATFORM_CACHE ||
		join(XDG_CACHE_HOME || join(homedir(), ".cache"), "app-platform")
	);
}

/**
 * Locks the cache against other builds until this process ends, even if it is killed: that closes the
 * pipe, flock's child exits and the kernel frees the lock. Calls `onWait` while another build
 * holds the lock.
 */
export async function lockCache(onWait: () => void): Promise<void> {
	const path = join(await cacheSubdirectory(), "lock");
	const holder = spawn("flock", [path, "sh", "-c", "echo locked; exec cat"], {
		stdio: ["pipe", "pipe", "inherit"],
	});
	const timer = setTimeout(onWait, 1000);
	await Promise.race([
		once(holder.stdout, "data"),
		once(holder, "close").then(() => {
			throw new Error(`the cache cannot be locked: ${path}`);
		}),
	]);
	clearTimeout(timer);
	// Neither the child nor its pipes keep this process alive.
	holder.unref();
	for (const stream of [holder.stdin, holder.stdout])
		if (stream instanceof Socket) stream.unref();
}

/** Returns the path of a directory in the cache; creates it if missing. */
export async function cacheSubdirectory(...names: string[]): Promise<string> {
	const path = join(cacheDirectory(), ...names);
	await mkdir(path, { recursive: true });
	return path;
}

/** Removes a stage's least recently used results, but never the one named `keep`. */
export async function pruneResults(
	stageDirectory: string,
	keep: string,
): Promise<void> {
	const names = (await readdir(stageDirectory)).filter(
		(name) => name !== keep && !name.startsWith("."),
	);
	const byAge = await Promise.all(
		names.map(async (name) => ({
			name,
			usedMs: (await stat(join(stageDirectory, name))).mtimeMs,
		})),
	);
	byAge.sort((a, b) => b.usedMs - a.usedMs);
	for (const { name } of byAge.slice(KEPT_RESULTS_PER_STAGE))
		await rm(join(stageDirectory, name), { recursive: true, force: true });
}

/** Creates an empty work directory for this process, beside the results of a stage. */
export async function makeWorkDirectory(
	stageDirectory: string,
): Promise<string> {
	await removeAbandonedWork(stageDirectory);
	const directory = join(stageDirectory, `.${process.pid}`);
	await mkdir(directory);
	return directory;
}

/** Removes the work directories of interrupted builds: a kernel's is over a gigabyte. */
async function removeAbandonedWork(stageDirectory: string): Promise<void> {
	for (const name of await readdir(stageDirectory)) {
		const pid = /^\.(\d+)$/.exec(name)?.[1];
		if (pid && (Number(pid) === process.pid || !isRunning(Number(pid))))
			await rm(join(stageDirectory, name), { recursive: true, force: true });
	}
}

function isRunning(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}
