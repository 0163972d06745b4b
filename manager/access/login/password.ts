import { spawn } from "node:child_process";
import {
	randomBytes,
	type ScryptOptions,
	scrypt,
	timingSafeEqual,
} from "node:crypto";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import * as z from "zod";

/** A password's hash as in /etc/shadow: crypt's SHA-256 or SHA-512. */
export const cryptText = z
	.string()
	.regex(/^\$[56]\$(rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43,86}$/);

const scryptHash = z.strictObject({
	algorithm: z.literal("scrypt"),
	cost: z.int(),
	blockSize: z.int(),
	parallelization: z.int(),
	salt: z.base64(),
	hash: z.base64(),
});

/**
 * A stored password. The parameters are stored too, so that they can be raised later. A machine that was set up
 * without a console may know only crypt's hash, until somebody logs in.
 */
export const passwordHash = z.discriminatedUnion("algorithm", [
	scryptHash,
	z.strictObject({ algorithm: z.literal("crypt"), hash: cryptText }),
]);

export type PasswordHash = z.output<typeof passwordHash>;

/**
 * OWASP (2024) recommends several parameter sets of equal strength; this one needs 16 MB,
 * since the smallest gateway has 256 MB in total.
 */
const parameters = { cost: 2 ** 14, blockSize: 8, parallelization: 5 };
const saltBytes = 16;
const hashBytes = 32;

const scryptAsync = promisify<
	string,
	Buffer,
	number,
	ScryptOptions,
	Buffer<ArrayBuffer>
>(scrypt);

export async function hashPassword(
	password: string,
): Promise<z.output<typeof scryptHash>> {
	const salt = randomBytes(saltBytes);
	const hash = await derive(password, salt, hashBytes, parameters);
	return {
		algorithm: "scrypt",
		...parameters,
		salt: salt.toString("base64"),
		hash: hash.toString("base64"),
	};
}

export async function verifyPassword(
	password: string,
	stored: PasswordHash,
): Promise<boolean> {
	if (stored.algorithm === "crypt") return verifyCrypt(password, stored.hash);
	const expected = Buffer.from(stored.hash, "base64");
	const salt = Buffer.from(stored.salt, "base64");
	const hash = await derive(password, salt, expected.length, stored);
	return timingSafeEqual(hash, expected);
}

/**
 * Node has no crypt.
 * @throws Error if OpenSSL cannot be started.
 */
async function verifyCrypt(password: string, hash: string): Promise<boolean> {
	// OpenSSL reads one line.
	if (password.includes("\n")) return false;
	const [, method = "", ...rest] = hash.split("$");
	const salt = rest.slice(0, -1).join("$");
	const openssl = spawn(
		"openssl",
		["passwd", `-${method}`, "-salt", salt, "-stdin"],
		{ stdio: ["pipe", "pipe", "ignore"] },
	);
	openssl.stdin.on("error", () => {}); // The output tells.
	openssl.stdin.end(`${password.normalize("NFC")}\n`);
	const [output] = await Promise.all([
		text(openssl.stdout),
		once(openssl, "close"),
	]);
	const [found, expected] = [Buffer.from(output.trim()), Buffer.from(hash)];
	return found.length === expected.length && timingSafeEqual(found, expected);
}

function derive(
	password: string,
	salt: Buffer,
	lengthBytes: number,
	{
		cost,
		blockSize,
		parallelization,
	}: Pick<
		z.output<typeof scryptHash>,
		"cost" | "blockSize" | "parallelization"
	>,
): Promise<Buffer> {
	// Another keyboard may send the same password in another Unicode form.
	return scryptAsync(password.normalize("NFC"), salt, lengthBytes, {
		cost,
		blockSize,
		parallelization,
		maxmem: 256 * cost * blockSize,
	});
}
