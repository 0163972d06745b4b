import {
	randomBytes,
	type ScryptOptions,
	scrypt,
	timingSafeEqual,
} from "node:crypto";
import { promisify } from "node:util";
import * as z from "zod";

/** A stored password. The parameters are stored too, so that they can be raised later. */
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
	// Another keyboard may send the same password in another Unicode form.
	return scryptAsync(password.normalize("NFC"), salt, lengthBytes, {
		cost,
		blockSize,
		parallelization,
		maxmem: 256 * cost * blockSize,
	});
}
