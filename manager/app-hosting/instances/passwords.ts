import { randomBytes } from "node:crypto";
import * as z from "zod";
import { SecretUnreadable } from "../../shared/secrets.ts";

/** The password for logins to an instance. */
export const instancePassword = z.string().min(8).max(256);

/** The administrator of an external host may have chosen a short one. */
export const databasePassword = z
	.string()
	.min(1)
	.max(256)
	.refine((password) => !/\p{C}/u.test(password), {
		error: "no control characters",
	});

/** @throws SecretUnreadable if a stored password cannot be read. */
export function assertReadable(password: string | undefined): string {
	if (password === undefined)
		throw new SecretUnreadable("A password of the instance");
	return password;
}

/** 144 random bits. */
export function generatePassword(): string {
	return randomBytes(18).toString("base64url");
}
