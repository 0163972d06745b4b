import type { X509Certificate } from "node:crypto";
import * as z from "zod";
import type { Bundle } from "./bundle.ts";
import { daysLeft, expiryWarning } from "./expiry.ts";
import { alternativeNames, formatDistinguishedName } from "./names.ts";

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
