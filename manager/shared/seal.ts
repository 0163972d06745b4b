import {
	createCipheriv,
	createDecipheriv,
	createHash,
	randomBytes,
} from "node:crypto";
import * as z from "zod";

// Secrets are sealed with a key and for a place: nobody without the key can read or change one, and none can be
// moved to another place. Who copies secrets to where another key is used unseals them and seals them again.

const algorithm = "aes-256-gcm";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
/** Of the form of a sealed text. */
const version = "1";

export interface SealingKey {
	/** Names the key without revealing it. */
	id: string;
	bytes: Buffer;
}

export function createSealingKey(): SealingKey {
	return keyOf(randomBytes(keyBytes));
}

/** @returns undefined if these are not the bytes of a key. */
export function toSealingKey(bytes: Buffer): SealingKey | undefined {
	return bytes.length === keyBytes ? keyOf(bytes) : undefined;
}

function keyOf(bytes: Buffer): SealingKey {
	const hash = createHash("sha256").update("id of a key").update(bytes);
	return { id: hash.digest("hex").slice(0, 16), bytes };
}

/** A secret encrypted with a key. */
export const sealed = z.strictObject({
	algorithm: z.literal(algorithm),
	nonce: z.base64(),
	content: z.base64(),
	tag: z.base64(),
});
export type Sealed = z.output<typeof sealed>;

/** @param context the secret is bound to: it cannot be unsealed with another one. */
export function seal(secret: string, key: SealingKey, context: string): Sealed {
	const nonce = randomBytes(nonceBytes);
	const cipher = createCipheriv(algorithm, key.bytes, nonce);
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
	{ nonce, content, tag }: Omit<Sealed, "algorithm">,
	key: SealingKey,
	context: string,
): string | undefined {
	try {
		const decipher = createDecipheriv(
			algorithm,
			key.bytes,
			Buffer.from(nonce, "base64"),
			{ authTagLength: tagBytes },
		);
		decipher.setAAD(Buffer.from(context));
		decipher.setAuthTag(Buffer.from(tag, "base64"));
		const secret = decipher.update(Buffer.from(content, "base64"));
		return Buffer.concat([secret, decipher.final()]).toString();
	} catch {
		return undefined;
	}
}

/** Seals a secret as a line of text: `sealed:1:KEY_ID:NONCE:CONTENT:TAG`. */
export function sealText(
	secret: string,
	key: SealingKey,
	context: string,
): string {
	const { nonce, content, tag } = seal(secret, key, context);
	return `${sealedWith(key)}${[nonce, content, tag].join(":")}`;
}

/** @returns undefined if the text, the key or the context differs from that of `sealText`. */
export function unsealText(
	text: string,
	key: SealingKey,
	context: string,
): string | undefined {
	const [, , , nonce, content, tag] = text.split(":");
	if (
		!text.startsWith(sealedWith(key)) ||
		!nonce ||
		content === undefined ||
		!tag
	)
		return undefined;
	return unseal({ nonce, content, tag }, key, context);
}

/** How each text begins that the key has sealed. */
export function sealedWith({ id }: SealingKey): string {
	return `sealed:${version}:${id}:`;
}

/** Whether a text is sealed, in this form or in that of a later system. */
export function isSealed(text: string): boolean {
	return /^sealed:\d+:/.test(text);
}
