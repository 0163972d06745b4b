import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { oneLine, titleOf } from "./names.ts";
import { CertificateRefused } from "./refused.ts";

export interface Chain {
	/** Each issued by the next one, the server's own first. */
	certificates: X509Certificate[];
	/** Whether who trusts the usual authorities, or the last one, can check all of it. */
	isComplete: boolean;
}

/**
 * Brings certificates into the order in which a web server sends them. Those that do not
 * belong to the chain are left out.
 * @throws CertificateRefused where one was not signed by whom it names.
 */
export function orderChain(
	own: X509Certificate,
	others: readonly X509Certificate[],
): Chain {
	const certificates = [own];
	const left = others.filter((other) => !isSame(other, own));
	let last = own;
	let isComplete = false;
	while (!isSelfSigned(last)) {
		isComplete ||= isIssuedByAuthority(last);
		const issuers = left.filter(({ subject }) => subject === last.issuer);
		if (issuers.length === 0) return { certificates, isComplete };
		const issuer = issuers.find((one) => hasIssued(one, last));
		if (issuer === undefined)
			throw new CertificateRefused(
				"wrongSignature",
				`The signature of "${titleOf(last)}" is wrong: it was not made by the "${titleOf(issuers[0] as X509Certificate)}" in the file.`,
			);
		left.splice(left.indexOf(issuer), 1);
		certificates.push(issuer);
		last = issuer;
	}
	return { certificates, isComplete: true };
}

/** @throws CertificateRefused */
export function refuseIncomplete({ certificates, isComplete }: Chain): void {
	if (isComplete) return;
	const last = certificates.at(-1) as X509Certificate;
	throw new CertificateRefused(
		"intermediateMissing",
		`An intermediate certificate is missing: the issuer "${oneLine(last.issuer)}" of "${titleOf(last)}" was not found in the file.`,
	);
}

export function isSelfSigned(certificate: X509Certificate): boolean {
	return (
		certificate.subject === certificate.issuer &&
		verifies(certificate, certificate)
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
	return issuer.ca && issued.checkIssued(issuer) && verifies(issued, issuer);
}

function verifies(issued: X509Certificate, issuer: X509Certificate): boolean {
	try {
		return issued.verify(issuer.publicKey);
	} catch {
		return false; // A key of a type that OpenSSL does not know.
	}
}

function isSame(one: X509Certificate, other: X509Certificate): boolean {
	return one.raw.equals(other.raw);
}
