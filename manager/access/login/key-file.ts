import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { makeDirectory } from "../../shared/make-directory.ts";
import { writeSecretFile } from "../../shared/secret-file.ts";
import { keyBytes } from "./sealed.ts";

/** @returns the key, or undefined if it is missing or damaged. */
export async function readKey(file: string): Promise<Buffer | undefined> {
	const key = await readFile(file).catch((error: NodeJS.ErrnoException) => {
		if (error.code !== "ENOENT") throw error;
	});
	return key?.length === keyBytes ? key : undefined;
}

/** Creates the key if there is none. Only the manager's user can read the file. */
export async function readOrCreateKey(file: string): Promise<Buffer> {
	const existing = await readKey(file);
	if (existing) return existing;
	const key = randomBytes(keyBytes);
	await makeDirectory(dirname(file), 0o700);
	await writeSecretFile(file, key);
	return key;
}
