import type { X509Certificate } from "node:crypto";
import * as z from "zod";
import type { Bundle } from "./bundle.ts";
import { alternativeNames, formatDistinguishedName } from "./names.ts";

export const dayMs = 24 * 60 * 60 * 1000;
const warningDays = 30;

const chainMember = z.object({
	subject: z.string(),
	issuer: z.string(),
	/** ISO 8601. */
	validFrom: z.string(),
	validUntil: z.string(),
});

/** The public part of a certificate: nothing of the key. */
export const certificateInfoSchema = chainMember.extend({
	source: z.enum(["default", "upload", "acme"]),
	isDefault: z.boolean(),
	/** Host names and IP addresses. */
	names: z.array(z.string()),
	/** SHA-256 of the certificate, in hex with colons. */
	fingerprint: z.string(),
	daysLeft: z.int(),
	/** From 30 days before the expiry. */
	warning: z.string().optional(),
	/** The certificates that are sent with it, in this order. */
	chain: z.array(chainMember),
});

export type CertificateInfo = z.output<typeof certificateInfoSchema>;

export function toCertificateInfo(
	{ certificates }: Bundle,
	source: CertificateInfo["source"],
	now: Date,
): CertificateInfo {
	const [leaf, ...chain] = certificates as [
		X509Certificate,
		...X509Certificate[],
	];
	const until = new Date(leaf.validTo);
	return {
		...toChainMember(leaf),
		source,
		isDefault: source === "default",
		names: alternativeNames(leaf),
		fingerprint: leaf.fingerprint256,
		daysLeft: daysLeft(until, now),
		warning: expiryWarning(until, now),
		chain: chain.map(toChainMember),
	};
}

function toChainMember(
	certificate: X509Certificate,
): z.output<typeof chainMember> {
	return {
		subject: formatDistinguishedName(certificate.subject),
		issuer: formatDistinguishedName(certificate.issuer),
		validFrom: new Date(certificate.validFrom).toISOString(),
		validUntil: new Date(certificate.validTo).toISOString(),
	};
}

/** Returns the number of whole days left: 0 on the last day, negative after the expiry. */
function daysLeft(validUntil: Date, now: Date): number {
	return Math.floor((validUntil.getTime() - now.getTime()) / dayMs);
}

/** Returns a warning from 30 days before the certificate expires, undefined before. */
export function expiryWarning(validUntil: Date, now: Date): string | undefined {
	const days = daysLeft(validUntil, now);
	const date = validUntil.toISOString().slice(0, 10);
	if (days < 0) return `The web server's certificate expired on ${date}.`;
	if (days >= warningDays) return undefined;
	const left =
		days === 0 ? "today" : `in ${days} ${days === 1 ? "day" : "days"}`;
	return `The web server's certificate expires ${left}, on ${date}.`;
}
