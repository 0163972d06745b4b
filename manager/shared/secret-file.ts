import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file that only its owner reads: after a power cut it is the old or the new one. */
export async function writeSecretFile(
	path: string,
	content: string | Buffer,
): Promise<void> {
	const fresh = `${path}.new`;
	const file = await open(fresh, "w", 0o600);
	try {
		await file.chmod(0o600); // One that a power cut left may have another mode.
		await file.writeFile(content);
		await file.sync();
	} finally {
		await file.close();
	}
	await rename(fresh, path);
	const folder = await open(dirname(path));
	await folder.sync().finally(() => folder.close());
}

/** @returns undefined where there is no such file. */
export async function readFileIfThere(
	path: string,
): Promise<string | undefined> {
	return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return undefined;
		throw error;
	});
}
