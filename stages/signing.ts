import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { $ } from "zx";

/** A minisign key pair (Ed25519). */
export interface Signer {
	secretKeyFile: string;
	/** Text of the public key file: a comment and the key. */
	publicKey: string;
	/** Created on this machine: its images are marked as development builds. */
	isDevelopment: boolean;
}

/**
 * Returns the key pair of `--sign NAME.key`, with its public key in NAME.pub; without the option this
 * user's development key pair, created at first use.
 * @throws Error naming the file that is missing or not a key.
 */
export async function findSigner(
	secretKeyFile: string | undefined,
): Promise<Signer> {
	if (secretKeyFile === undefined) return developmentSigner();
	if (!existsSync(secretKeyFile))
		throw new Error(`the signing key ${secretKeyFile} does not exist`);
	const publicKey = readPublicKey(publicKeyFile(secretKeyFile));
	return { secretKeyFile, publicKey, isDevelopment: false };
}

/** Returns the text of a minisign public key. @throws Error when the file is not one. */
export function readPublicKey(path: string): string {
	if (!existsSync(path))
		throw new Error(`the public key ${path} does not exist`);
	const text = readFileSync(path, "utf8");
	if (!/^untrusted comment: .*\n[A-Za-z0-9+/]{56}\n?$/.test(text))
		throw new Error(`${path} is not a minisign public key`);
	return `${text.trimEnd()}\n`;
}

/**
 * Writes FILE.minisig. The same key and text give the same bytes. minisign asks at the terminal for the
 * key's password if it has one.
 */
export async function sign(
	{ secretKeyFile }: Signer,
	file: string,
	trustedComment: string,
): Promise<void> {
	await $({
		stdio: ["inherit", "pipe", "inherit"],
	})`minisign -S -s ${secretKeyFile} -m ${file} -x ${`${file}.minisig`} -t ${trustedComment} -c ${"signature of an App Platform system image"}`;
}

/** Kept outside the cache, so that a later build can update an earlier one. */
async function developmentSigner(): Promise<Signer> {
	const configDirectory =
		process.env.XDG_CONFIG_HOME || join(homedir(), ".config");
	const secretKeyFile = join(configDirectory, "app-platform/development.key");
	const publicFile = publicKeyFile(secretKeyFile);
	if (!existsSync(secretKeyFile)) {
		mkdirSync(dirname(secretKeyFile), { recursive: true, mode: 0o700 });
		await $({
			quiet: true,
		})`minisign -G -W -p ${publicFile} -s ${secretKeyFile}`;
	}
	return {
		secretKeyFile,
		publicKey: readPublicKey(publicFile),
		isDevelopment: true,
	};
}

function publicKeyFile(secretKeyFile: string): string {
	return `${secretKeyFile.replace(/\.key$/, "")}.pub`;
}
