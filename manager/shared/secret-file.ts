import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Replaces a file that only its owner can read, atomically even in case of a power cut. */
export async function writeSecretFile(
	path: string,
	content: string | Buffer,
): Promise<void> {
	const fresh = `${path}.new`;
	const file = await open(fresh, "w", 0o600);
	try {
		await file.chmod(0o600); // A file left by a power cut may have another mode.
		await file.writeFile(content);
		await file.sync();
	} finally {
		await file.close();
	}
	await rename(fresh, path);
	await syncDirectoryOf(path);
}

/** Deletes a file if it exists; a power cut does not bring it back. */
export async function deleteFile(path: string): Promise<void> {
	await rm(path, { force: true });
	await syncDirectoryOf(path);
}

async function syncDirectoryOf(path: string): Promise<void> {
	const directory = await open(dirname(path));
	await directory.sync().finally(() => directory.close());
}

/** @returns undefined if the file does not exist. */
export async function readFileIfExists(
	path: string,
): Promise<string | undefined> {
	return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return undefined;
		throw error;
	});
}
