import { statfs } from "node:fs/promises";
import { formatBytes } from "./format.ts";
import { OperationError } from "./operation-error.ts";

/** What files from outside leave free, for databases and logs. */
const keptBytes = 64 * 1024 * 1024;

/**
 * Checks before something is written that the disk has room for it. Blocks that are reserved for PostgreSQL and root
 * do not count as free.
 * @param directory on the disk; exists.
 * @param what begins the message, such as "The update".
 * @throws OperationError of the kind "noRoom".
 */
export async function assertFreeSpace(
	directory: string,
	neededBytes: number,
	what: string,
): Promise<void> {
	const { bavail, bsize } = await statfs(directory);
	const freeBytes = Math.max(0, bavail * bsize - keptBytes);
	if (neededBytes > freeBytes)
		throw new OperationError(
			"noRoom",
			"noRoom",
			`${what} needs ${formatBytes(neededBytes)}, but there is only room for ${formatBytes(freeBytes)}: make room on /mnt/sda2 or enlarge the disk`,
		);
}
