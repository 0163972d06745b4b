import {
	randomBytes,
	type ScryptOptions,
	scrypt,
	timingSafeEqual,
} from "node:crypto";
import { promisify } from "node:util";
import * as z from "zod";

/** What is kept of a password. The parameters are kept too, so that they can be raised later. */
export const passwordHash = z.strictObject({
	algorithm: z.literal("scrypt"),
	cost: z.int(),
	blockSize: z.int(),
	parallelization: z.int(),
	salt: z.base64(),
	hash: z.base64(),
});

export type PasswordHash = z.output<typeof passwordHash>;

/**
 * One of the settings of equal strength that OWASP recommends (2024): the one with 16 MB,
 * since the smallest gateway has 256 MB in all.
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

export async function hashPassword(password: string): Promise<PasswordHash> {
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
	const expected = Buffer.from(stored.hash, "base64");
	const salt = Buffer.from(stored.salt, "base64");
	const hash = await derive(password, salt, expected.length, stored);
	return timingSafeEqual(hash, expected);
}

function derive(
	password: string,
	salt: Buffer,
	lengthBytes: number,
	{
		cost,
		blockSize,
		parallelization,
	}: Pick<PasswordHash, "cost" | "blockSize" | "parallelization">,
): Promise<Buffer> {
	// The same password typed on another keyboard may arrive in another Unicode form.
	return scryptAsync(password.normalize("NFC"), salt, lengthBytes, {
		cost,
		blockSize,
		parallelization,
		maxmem: 256 * cost * blockSize,
	});
}
