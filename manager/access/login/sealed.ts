import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { makeDirectory } from "../../shared/make-directory.ts";
import { writeSecretFile } from "../../shared/secret-file.ts";

const algorithm = "aes-256-gcm";
export const keyBytes = 32;
const nonceBytes = 12;

/** A secret encrypted with a key. */
export const sealed = z.strictObject({
	algorithm: z.literal(algorithm),
	nonce: z.base64(),
	content: z.base64(),
	tag: z.base64(),
});
export type Sealed = z.output<typeof sealed>;

/** @param context the secret is bound to: it cannot be unsealed with another one. */
export function seal(secret: string, key: Buffer, context: string): Sealed {
	const nonce = randomBytes(nonceBytes);
	const cipher = createCipheriv(algorithm, key, nonce);
	cipher.setAAD(Buffer.from(context));
	const content = Buffer.concat([cipher.update(secret), cipher.final()]);
	return {
		algorithm,
		nonce: nonce.toString("base64"),
		content: content.toString("base64"),
		tag: cipher.getAuthTag().toString("base64"),
	};
}

/** @returns undefined if the key, the content or the context differs from that of `seal`. */
export function unseal(
	{ nonce, content, tag }: Sealed,
	key: Buffer,
	context: string,
): string | undefined {
	try {
		const decipher = createDecipheriv(
			algorithm,
			key,
			Buffer.from(nonce, "base64"),
			{ authTagLength: 16 },
		);
		decipher.setAAD(Buffer.from(context));
		decipher.setAuthTag(Buffer.from(tag, "base64"));
		const secret = decipher.update(Buffer.from(content, "base64"));
		return Buffer.concat([secret, decipher.final()]).toString();
	} catch {
		return undefined;
	}
}

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
