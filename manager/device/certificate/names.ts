import type { X509Certificate } from "node:crypto";

const alternativeName = /(DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** Returns the host names and IP addresses that a certificate is for. */
export function alternativeNames({
	subjectAltName = "",
}: X509Certificate): string[] {
	return [...(subjectAltName ?? "").matchAll(alternativeName)].map(
		([, , name = ""]) => name,
	);
}

/** Formats a subject or an issuer on one line: `CN=a, O=b`. */
export function formatDistinguishedName(
	distinguishedName: string | undefined,
): string {
	return (distinguishedName ?? "").split("\n").reverse().join(", ");
}

/** Returns the common name, else the first alternative name. */
export function displayName(certificate: X509Certificate): string {
	const subject = certificate.subject ?? "";
	const commonName = /^CN=(.*)$/m.exec(subject)?.[1];
	return (
		commonName ??
		alternativeNames(certificate)[0] ??
		(formatDistinguishedName(subject) || "?")
	);
}

/** Returns whether a host name is one of the names of a certificate; `*` stands for one label. */
export function isCovered(host: string, names: readonly string[]): boolean {
	const wildcard = host.replace(/^[^.]+/, "*");
	return names.some((name) => {
		const known = name.toLowerCase();
		return known === host || (known.startsWith("*.") && known === wildcard);
	});
}
