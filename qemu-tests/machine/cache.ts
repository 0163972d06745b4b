import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { atExit } from "./cleanup.ts";

/** Returns a directory of the cache that builds and tests keep outside the source tree. */
export function cacheDirectory(name: string): string {
	const base =
		process.env.APP_PLATFORM_CACHE ??
		join(
			process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
			"app-platform",
		);
	return join(base, name);
}

/**
 * Runs the work in one process at a time, across all test files and runs. The kernel releases the lock however its
 * holder dies: flock's child exits when our end of its pipe closes.
 */
export async function withLock<Result>(
	path: string,
	work: () => Promise<Result>,
): Promise<Result> {
	const holder = spawn("flock", [path, "sh", "-c", "echo locked; exec cat"], {
		stdio: ["pipe", "pipe", "inherit"],
	});
	const forget = atExit(() => holder.kill());
	await once(holder.stdout, "data");
	try {
		return await work();
	} finally {
		holder.stdin.end();
		await once(holder, "close");
		forget();
	}
}

/** Returns the SHA-256 of a file's content, in hexadecimal. */
export async function contentHash(path: string): Promise<string> {
	const hash = createHash("sha256");
	await pipeline(createReadStream(path), hash);
	return hash.digest("hex");
}
