import { execFile } from "node:child_process";
import { chown, lstat, rmdir } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Gives a file or folder to a service's user, and to a group by its name if that is not "".
 * Only root can: a developer's own manager keeps all, and its services run as the developer.
 */
export async function give(
	path: string,
	uid: number,
	group = "",
): Promise<void> {
	if (process.getuid?.() !== 0) return;
	const { gid } = await lstat(path);
	await chown(path, uid, group === "" ? gid : await groupId(group));
}

/**
 * Removes a folder of a service's user with that user's rights: in a folder that somebody else
 * writes to, root could be led elsewhere. One that is not there is none to remove.
 */
export async function removeGiven(folder: string, uid: number): Promise<void> {
	const isThere = await lstat(folder).catch(() => undefined);
	if (!isThere) return;
	const asOwner =
		process.getuid?.() === 0
			? ["--reuid", String(uid), "--regid", String(uid), "--clear-groups"]
			: [];
	// busybox has no -delete.
	const all = "-mindepth 1 -maxdepth 1 -exec rm -rf {} +".split(" ");
	await run("setpriv", [...asOwner, "find", folder, ...all]);
	await rmdir(folder);
}

async function groupId(name: string): Promise<number> {
	const { stdout } = await run("getent", ["group", name]);
	return Number(stdout.split(":")[2]);
}
