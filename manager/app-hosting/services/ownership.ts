import { execFile } from "node:child_process";
import { chown, lstat, rmdir } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Changes the owner of a file or directory, and its group if that is not "". Without root's rights
 * it does nothing: on a developer's machine, services run as the developer.
 */
export async function changeOwner(
	path: string,
	uid: number,
	group = "",
): Promise<void> {
	if (process.getuid?.() !== 0) return;
	const { gid } = await lstat(path);
	await chown(path, uid, group === "" ? gid : await groupId(group));
}

/**
 * Removes a service's directory with the rights of its owner: root could be misled by links in a
 * directory to which somebody else writes. A missing directory is ignored.
 */
export async function removeAsOwner(
	directory: string,
	uid: number,
): Promise<void> {
	const exists = await lstat(directory).catch(() => undefined);
	if (!exists) return;
	const asOwner =
		process.getuid?.() === 0
			? ["--reuid", String(uid), "--regid", String(uid), "--clear-groups"]
			: [];
	// busybox has no -delete.
	const all = "-mindepth 1 -maxdepth 1 -exec rm -rf {} +".split(" ");
	await run("setpriv", [...asOwner, "find", directory, ...all]);
	await rmdir(directory);
}

async function groupId(name: string): Promise<number> {
	const { stdout } = await run("getent", ["group", name]);
	return Number(stdout.split(":")[2]);
}
