import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { displayName, formatDistinguishedName } from "./names.ts";
import { CertificateRefused } from "./pem.ts";

export interface Chain {
	/** Each issued by the next one, leaf first. */
	certificates: X509Certificate[];
	/** Whether a client that trusts the usual authorities or the last certificate can verify the chain. */
	isComplete: boolean;
}

/**
 * Puts certificates into the order in which a web server sends them. Those that do not
 * belong to the chain are left out.
 * @throws CertificateRefused if a certificate is not signed by the issuer that it names.
 */
export function orderChain(
	leaf: X509Certificate,
	others: readonly X509Certificate[],
): Chain {
	const certificates = [leaf];
	const remaining = others.filter((other) => !isSame(other, leaf));
	let last = leaf;
	let isComplete = false;
	while (!isSelfSigned(last)) {
		isComplete ||= isIssuedByAuthority(last);
		const issuers = remaining.filter(({ subject }) => subject === last.issuer);
		if (issuers.length === 0) return { certificates, isComplete };
		const issuer = issuers.find((one) => hasIssued(one, last));
		if (issuer === undefined)
			throw new CertificateRefused(
				"wrongSignature",
				`The signature of "${displayName(last)}" is wrong: it was not made by the "${displayName(issuers[0] as X509Certificate)}" in the file.`,
			);
		remaining.splice(remaining.indexOf(issuer), 1);
		certificates.push(issuer);
		last = issuer;
	}
	return { certificates, isComplete: true };
}

/** @throws CertificateRefused */
export function assertComplete({ certificates, isComplete }: Chain): void {
	if (isComplete) return;
	const last = certificates.at(-1) as X509Certificate;
	throw new CertificateRefused(
		"intermediateMissing",
		`An intermediate certificate is missing: the issuer "${formatDistinguishedName(last.issuer)}" of "${displayName(last)}" was not found in the file.`,
	);
}

export function isSelfSigned(certificate: X509Certificate): boolean {
	return (
		certificate.subject === certificate.issuer &&
		isSignedBy(certificate, certificate)
	);
}

function isIssuedByAuthority(certificate: X509Certificate): boolean {
	return rootCertificates
		.map((pem) => new X509Certificate(pem))
		.some(
			(root) =>
				root.subject === certificate.issuer && hasIssued(root, certificate),
		);
}

function hasIssued(issuer: X509Certificate, issued: X509Certificate): boolean {
	return issuer.ca && issued.checkIssued(issuer) && isSignedBy(issued, issuer);
}

function isSignedBy(issued: X509Certificate, issuer: X509Certificate): boolean {
	try {
		return issued.verify(issuer.publicKey);
	} catch {
		return false; // OpenSSL does not support the type of the key.
	}
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
	return one.raw.equals(other.raw);
}
