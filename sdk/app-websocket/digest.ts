import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import * as z from "zod";

/** What who logs in says of himself; `info` is covered by the digest as JSON.stringify writes it. */
export const appLogin = z.object({
	mt: z.literal("AppLogin"),
	app: z.string(),
	domain: z.string().default(""),
	sip: z.string().default(""),
	guid: z.string().default(""),
	dn: z.string().default(""),
	digest: z.string().regex(/^[0-9a-fA-F]{64}$/),
	/** Not covered by the digest. */
	pbxObj: z.string().optional(),
	info: z.record(z.string(), z.unknown()).optional(),
});
export type AppLogin = z.output<typeof appLogin>;

const challengeDigits = 16;

/** 16 random digits, as the protocol has it. */
export function newChallenge(): string {
	return Array.from({ length: challengeDigits }, () => randomInt(10)).join("");
}

/** Lower-case hex, by the SDK's document AppWebsocket, "AppLogin". */
export function loginDigest(
	login: Omit<AppLogin, "mt" | "digest">,
	challenge: string,
	password: string,
): string {
	const { app, domain, sip, guid, dn, info } = login;
	const parts = [
		...[app, domain, sip, guid, dn],
		...(info === undefined ? [] : [JSON.stringify(info)]),
		...[challenge, password],
	];
	return createHash("sha256").update(parts.join(":")).digest("hex");
}

/** Whether who logs in knows the password. */
export function isLoginRight(
	login: AppLogin,
	challenge: string,
	password: string,
): boolean {
	return timingSafeEqual(
		Buffer.from(login.digest, "hex"),
		Buffer.from(loginDigest(login, challenge, password), "hex"),
	);
}
