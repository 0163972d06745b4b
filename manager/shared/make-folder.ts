import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a folder and those above it, where they are missing. Node's own way says ENOENT on a full disk, since it
 * looks for the folder that it could not make; this one says ENOSPC.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
	try {
		await mkdir(path, { recursive: true, mode });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		await makeFolder(dirname(path), mode);
		await mkdir(path, { mode });
	}
}
