import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder } from "../../shared/make-folder.ts";
import { writeSecretFile } from "../../shared/secret-file.ts";
import { keyBytes } from "./sealed.ts";

/** @returns the key, or undefined where there is none, or a damaged one. */
export async function readKey(file: string): Promise<Buffer | undefined> {
	const key = await readFile(file).catch((error: NodeJS.ErrnoException) => {
		if (error.code !== "ENOENT") throw error;
	});
	return key?.length === keyBytes ? key : undefined;
}

/** @returns the key, which is made where there is none. Only the manager's user can read it. */
export async function readOrMakeKey(file: string): Promise<Buffer> {
	const there = await readKey(file);
	if (there) return there;
	const key = randomBytes(keyBytes);
	await makeFolder(dirname(file), 0o700);
	await writeSecretFile(file, key);
	return key;
}
