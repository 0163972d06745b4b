import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Creates a directory and its missing parents. On a full disk it fails with ENOSPC, as opposed to Node's recursive
 * mkdir, which fails with ENOENT since it looks for the parent that it could not create.
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
	try {
		await mkdir(path, { recursive: true, mode });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		await makeDirectory(dirname(path), mode);
		await mkdir(path, { mode });
	}
}
