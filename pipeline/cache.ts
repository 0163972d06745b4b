import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";

/** Results of a stage that are kept beside the newest, for switching between branches. */
const KEPT_RESULTS_PER_STAGE = 3;

/**
 * The folder outside the tree that holds finished stages, downloads and logs:
 * $APP_PLATFORM_CACHE, else $XDG_CACHE_HOME/app-platform, else ~/.cache/app-platform.
 */
export function cacheFolder(): string {
	const { APP_PLATFORM_CACHE, XDG_CACHE_HOME } = process.env;
	return (
		APP_PLATFORM_CACHE ||
		join(XDG_CACHE_HOME || join(homedir(), ".cache"), "app-platform")
	);
}

/**
 * Keeps other builds out of the cache until this process ends, however that happens: the kernel
 * frees the lock when flock's child ends, with our end of its pipe. Calls `waiting` when another
 * build has it.
 */
export async function lockCache(waiting: () => void): Promise<void> {
	const path = join(await cacheSubfolder(), "lock");
	const holder = spawn("flock", [path, "sh", "-c", "echo locked; exec cat"], {
		stdio: ["pipe", "pipe", "inherit"],
	});
	const timer = setTimeout(waiting, 1000);
	await Promise.race([
		once(holder.stdout, "data"),
		once(holder, "close").then(() => {
			throw new Error(`the cache cannot be locked: ${path}`);
		}),
	]);
	clearTimeout(timer);
	// Neither the child nor its pipes keep this process from ending.
	holder.unref();
	for (const stream of [holder.stdin, holder.stdout])
		if (stream instanceof Socket) stream.unref();
}

/** Path of a folder in the cache, made when missing. */
export async function cacheSubfolder(...names: string[]): Promise<string> {
	const path = join(cacheFolder(), ...names);
	await mkdir(path, { recursive: true });
	return path;
}

/** Removes the results of a stage that were not used lately; never the one named `keep`. */
export async function pruneResults(
	stageFolder: string,
	keep: string,
): Promise<void> {
	const names = (await readdir(stageFolder)).filter(
		(name) => name !== keep && !name.startsWith("."),
	);
	const byAge = await Promise.all(
		names.map(async (name) => ({
			name,
			usedMs: (await stat(join(stageFolder, name))).mtimeMs,
		})),
	);
	byAge.sort((a, b) => b.usedMs - a.usedMs);
	for (const { name } of byAge.slice(KEPT_RESULTS_PER_STAGE))
		await rm(join(stageFolder, name), { recursive: true, force: true });
}

/** An empty folder for the work of this process, beside the results of a stage. */
export async function workFolder(stageFolder: string): Promise<string> {
	await removeAbandonedWork(stageFolder);
	const folder = join(stageFolder, `.${process.pid}`);
	await mkdir(folder);
	return folder;
}

/** Removes what builds that were interrupted left: a kernel's is over a gigabyte. */
async function removeAbandonedWork(stageFolder: string): Promise<void> {
	for (const name of await readdir(stageFolder)) {
		const pid = /^\.(\d+)$/.exec(name)?.[1];
		if (pid && (Number(pid) === process.pid || !isRunning(Number(pid))))
			await rm(join(stageFolder, name), { recursive: true, force: true });
	}
}

function isRunning(pid: number): boolean {
	try {
		return process.kill(pid, 0);
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}
