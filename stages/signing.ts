import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { $ } from "zx";

/** A key pair of minisign (Ed25519). */
export interface Signer {
	secretKeyFile: string;
	/** The text of the public key's file: a comment and the key. */
	publicKey: string;
	/** Made on this machine: its images say that nobody vouches for them. */
	isDevelopment: boolean;
}

/**
 * The key pair that `--sign FILE` names; its public key lies beside it as FILE with the ending
 * .pub. Without it, the development pair of this user, made at first use.
 * @throws Error naming the file that is missing or no key.
 */
export async function findSigner(
	secretKeyFile: string | undefined,
): Promise<Signer> {
	if (secretKeyFile === undefined) return developmentSigner();
	if (!existsSync(secretKeyFile))
		throw new Error(`there is no key ${secretKeyFile} to sign with`);
	const publicKey = readPublicKey(publicKeyFile(secretKeyFile));
	return { secretKeyFile, publicKey, isDevelopment: false };
}

/** The text of a minisign public key. @throws Error when the file is none. */
export function readPublicKey(path: string): string {
	if (!existsSync(path)) throw new Error(`there is no public key ${path}`);
	const text = readFileSync(path, "utf8");
	if (!/^untrusted comment: .*\n[A-Za-z0-9+/]{56}\n?$/.test(text))
		throw new Error(`${path} is no public key of minisign`);
	return `${text.trimEnd()}\n`;
}

/**
 * Writes FILE.minisig. The same key and text give the same bytes. minisign asks at the terminal
 * for the key's password when it has one.
 */
export async function sign(
	{ secretKeyFile }: Signer,
	file: string,
	trustedComment: string,
): Promise<void> {
	await $({
		stdio: ["inherit", "pipe", "inherit"],
	})`minisign -S -s ${secretKeyFile} -m ${file} -x ${`${file}.minisig`} -t ${trustedComment} -c ${"signature of an App Platform set"}`;
}

/** Outside the cache: an image made tomorrow updates one made today. */
async function developmentSigner(): Promise<Signer> {
	const configFolder =
		process.env.XDG_CONFIG_HOME || join(homedir(), ".config");
	const secretKeyFile = join(configFolder, "app-platform/development.key");
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
