import { randomBytes } from "node:crypto";
import * as z from "zod";

/** For who logs in to an instance. */
export const instancePassword = z.string().min(8).max(256);

/** An external host's administrator may have chosen a short one. */
export const databasePassword = z
	.string()
	.min(1)
	.max(256)
	.refine((password) => !/\p{C}/u.test(password), {
		error: "no control characters",
	});

/** 144 random bits. */
export function newPassword(): string {
	return randomBytes(18).toString("base64url");
}
