import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { UpdateError } from "./update-error.ts";

const run = promisify(execFile);

export const signatureName = "SHA256SUMS.minisig";
export const sumsName = "SHA256SUMS";

/**
 * Runs minisign itself, as the rescue system does, so that both accept the same signatures.
 * @param files the signature and the sums, by name.
 * @throws UpdateError if no trusted key has signed the sums.
 */
export async function assertSigned(
	files: ReadonlyMap<string, Buffer>,
	keysDirectory: string,
): Promise<void> {
	const directory = await mkdtemp(join(tmpdir(), "update-"));
	try {
		for (const [name, content] of files)
			await writeFile(join(directory, name), content);
		const keys = (await readdir(keysDirectory)).filter((name) =>
			name.endsWith(".pub"),
		);
		for (const key of keys) {
			const args = ["-V", "-q", "-p", join(keysDirectory, key)];
			const isGood = await run("minisign", [
				...args,
				"-m",
				join(directory, sumsName),
			])
				.then(() => true)
				.catch((error: { code?: unknown }) => {
					// Only an exit code means a bad signature; minisign may also be impossible to start.
					if (typeof error.code === "number") return false;
					throw error;
				});
			if (isGood) return;
		}
	} finally {
		await rm(directory, { recursive: true });
	}
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
