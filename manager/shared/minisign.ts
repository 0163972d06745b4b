import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";

const run = promisify(execFile);

/** A minisign public key: the second line of its file. */
export const publicKey = z.string().regex(/^RW[A-Za-z0-9+/]{54}$/, {
	error: "is a minisign public key, 56 characters that begin with RW",
});

/** @param text of a public key file. @returns undefined if it is not one. */
export function parsePublicKey(text: string): string | undefined {
	const [, line = ""] = text.split(/\r?\n/);
	return publicKey.safeParse(line).data;
}

/** Returns the keys of the `.pub` files in a directory; none if it does not exist. */
export async function readPublicKeys(directory: string): Promise<string[]> {
	const names = await readdir(directory).catch(
		(error: NodeJS.ErrnoException) => {
			if (error.code === "ENOENT") return [];
			throw error;
		},
	);
	const keys = [];
	for (const name of names.filter((name) => name.endsWith(".pub")))
		keys.push(parsePublicKey(await readFile(join(directory, name), "utf8")));
	return keys.filter((key) => key !== undefined);
}

/**
 * Returns the first of the public keys with which the content was signed. Runs minisign itself, as the rescue system
 * does, so that both accept the same signatures.
 */
export async function findSigningKey(
	content: string | Buffer,
	signature: string | Buffer,
	keys: readonly string[],
): Promise<string | undefined> {
	const directory = await mkdtemp(join(tmpdir(), "signed-"));
	try {
		const file = join(directory, "content");
		await writeFile(file, content);
		await writeFile(`${file}.minisig`, signature);
		for (const key of keys) {
			const isGood = await run("minisign", ["-V", "-q", "-P", key, "-m", file])
				.then(() => true)
				.catch((error: { code?: unknown }) => {
					// Only an exit code means a bad signature; minisign may also be impossible to start.
					if (typeof error.code === "number") return false;
					throw error;
				});
			if (isGood) return key;
		}
		return undefined;
	} finally {
		await rm(directory, { recursive: true });
	}
}
