import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { UpdateRefused } from "./refused.ts";

const run = promisify(execFile);

export const signature = "SHA256SUMS.minisig";
export const sums = "SHA256SUMS";

/** By minisign itself, which the ramdisk uses too: both must mean the same by a good signature. */
export async function checkSignature(
	small: ReadonlyMap<string, Buffer>,
	keysFolder: string,
): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), "update-"));
	try {
		for (const [name, content] of small)
			await writeFile(join(folder, name), content);
		const keys = (await readdir(keysFolder)).filter((name) =>
			name.endsWith(".pub"),
		);
		for (const key of keys) {
			const args = ["-V", "-q", "-p", join(keysFolder, key)];
			const isGood = await run("minisign", [...args, "-m", join(folder, sums)])
				.then(() => true)
				.catch((error: { code?: unknown }) => {
					// An exit code is an answer; that it cannot be started is none.
					if (typeof error.code === "number") return false;
					throw error;
				});
			if (isGood) return;
		}
	} finally {
		await rm(folder, { recursive: true });
	}
	throw new UpdateRefused(
		"notSigned",
		"The update is not signed by a key that this system trusts",
	);
}

export function readSums(content: Buffer, hashes: Map<string, string>): void {
	for (const line of content.toString().trimEnd().split("\n")) {
		const [, hash, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
		if (!hash || !name)
			throw new UpdateRefused("damaged", `${sums} is damaged`);
		hashes.set(name, hash);
	}
}

export function checkHash(
	name: string,
	hash: string,
	hashes: ReadonlyMap<string, string>,
): void {
	if (hashes.get(name) !== hash)
		throw new UpdateRefused(
			"damaged",
			`${name} is damaged: its content is not the signed one`,
		);
}

export function sha256(content: Buffer): string {
	return createHash("sha256").update(content).digest("hex");
}
