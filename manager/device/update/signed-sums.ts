import { createHash } from "node:crypto";
import { findSigningKey, readPublicKeys } from "../../shared/minisign.ts";
import { UpdateError } from "./update-error.ts";

export const signatureName = "SHA256SUMS.minisig";
export const sumsName = "SHA256SUMS";

/**
 * @param files the signature and the sums, by name.
 * @throws UpdateError if no trusted key has signed the sums.
 */
export async function assertSigned(
	files: ReadonlyMap<string, Buffer>,
	keysDirectory: string,
): Promise<void> {
	const key = await findSigningKey(
		files.get(sumsName) ?? "",
		files.get(signatureName) ?? "",
		await readPublicKeys(keysDirectory),
	);
	if (key === undefined)
		throw new UpdateError(
			"notSigned",
			"The update is not signed by a key that this system trusts",
		);
}

/** Returns the hashes by file name. */
export function parseSums(content: Buffer): Map<string, string> {
	const hashes = new Map<string, string>();
	for (const line of content.toString().trimEnd().split("\n")) {
		const [, hash, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
		if (!hash || !name)
			throw new UpdateError("damaged", `${sumsName} is damaged`);
		hashes.set(name, hash);
	}
	return hashes;
}

export function assertHash(
	name: string,
	hash: string,
	hashes: ReadonlyMap<string, string>,
): void {
	if (hashes.get(name) !== hash)
		throw new UpdateError(
			"damaged",
			`${name} is damaged: its content does not match its signed hash`,
		);
}

export function sha256(content: Buffer): string {
	return createHash("sha256").update(content).digest("hex");
}
