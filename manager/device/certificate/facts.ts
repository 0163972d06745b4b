import type { X509Certificate } from "node:crypto";
import * as z from "zod";
import type { Bundle } from "./bundle.ts";
import { daysLeft, expiryWarning } from "./expiry.ts";
import { namesOf, oneLine } from "./names.ts";

const chainMember = z.object({
	subject: z.string(),
	issuer: z.string(),
	/** ISO 8601. */
	validFrom: z.string(),
	validUntil: z.string(),
});

/** What may be told about a certificate to those who look: nothing of the key. */
export const factsSchema = chainMember.extend({
	source: z.enum(["default", "upload", "acme"]),
	isDefault: z.boolean(),
	/** Host names and IP addresses. */
	names: z.array(z.string()),
	/** SHA-256 of the whole, in hex with colons. */
	fingerprint: z.string(),
	daysLeft: z.int(),
	/** From 30 days before its end. */
	warning: z.string().optional(),
	/** Those that are sent with it, in this order. */
	chain: z.array(chainMember),
});

export type Facts = z.output<typeof factsSchema>;

export function factsOf(
	{ certificates }: Bundle,
	source: Facts["source"],
	now: Date,
): Facts {
	const [own, ...chain] = certificates as [
		X509Certificate,
		...X509Certificate[],
	];
	const until = new Date(own.validTo);
	return {
		...member(own),
		source,
		isDefault: source === "default",
		names: namesOf(own),
		fingerprint: own.fingerprint256,
		daysLeft: daysLeft(until, now),
		warning: expiryWarning(until, now),
		chain: chain.map(member),
	};
}

function member(certificate: X509Certificate): z.output<typeof chainMember> {
	return {
		subject: oneLine(certificate.subject),
		issuer: oneLine(certificate.issuer),
		validFrom: new Date(certificate.validFrom).toISOString(),
		validUntil: new Date(certificate.validTo).toISOString(),
	};
}
