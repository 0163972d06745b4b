import { execFile } from "node:child_process";
import { chown, lstat } from "node:fs/promises";
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

async function groupId(name: string): Promise<number> {
	const { stdout } = await run("getent", ["group", name]);
	return Number(stdout.split(":")[2]);
}
