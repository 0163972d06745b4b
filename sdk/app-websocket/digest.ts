import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import * as z from "zod";

/** The login message. The digest covers `info` as JSON.stringify writes it. */
export const appLogin = z.object({
	mt: z.literal("AppLogin"),
	app: z.string(),
	domain: z.string().default(""),
	sip: z.string().default(""),
	guid: z.string().default(""),
	dn: z.string().default(""),
	digest: z.string().regex(/^[0-9a-fA-F]{64}$/),
	/** The digest does not cover it. */
	pbxObj: z.string().optional(),
	info: z.record(z.string(), z.unknown()).optional(),
});
export type AppLogin = z.output<typeof appLogin>;

const challengeDigits = 16;

/** 16 random digits, as the protocol requires. */
export function newChallenge(): string {
	return Array.from({ length: challengeDigits }, () => randomInt(10)).join("");
}

/** SHA-256 in lower-case hex, as the SDK's document AppWebsocket defines it under "AppLogin". */
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

/** Whether the digest proves knowledge of the password. */
export function isValidLogin(
	login: AppLogin,
	challenge: string,
	password: string,
): boolean {
	return timingSafeEqual(
		Buffer.from(login.digest, "hex"),
		Buffer.from(loginDigest(login, challenge, password), "hex"),
	);
}
