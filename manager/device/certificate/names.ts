import type { X509Certificate } from "node:crypto";

const alternative = /(DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** Host names and IP addresses that a certificate is for. */
export function namesOf({ subjectAltName = "" }: X509Certificate): string[] {
	return [...(subjectAltName ?? "").matchAll(alternative)].map(
		([, , name = ""]) => name,
	);
}

/** A subject or an issuer on one line: `CN=a, O=b`. */
export function oneLine(distinguishedName: string | undefined): string {
	return (distinguishedName ?? "").split("\n").reverse().join(", ");
}

/** What people would call it: its common name, else its first name. */
export function titleOf(certificate: X509Certificate): string {
	const subject = certificate.subject ?? "";
	const commonName = /^CN=(.*)$/m.exec(subject)?.[1];
	return commonName ?? namesOf(certificate)[0] ?? (oneLine(subject) || "?");
}
