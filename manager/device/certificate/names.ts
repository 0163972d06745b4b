import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

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

/** Returns whether a host name in lower case or an IP address is one of the names of a certificate; `*` stands for one label. */
export function isCovered(host: string, names: readonly string[]): boolean {
	if (isIP(host)) {
		const address = normalAddress(host);
		return names.some((name) => isIP(name) && normalAddress(name) === address);
	}
	const wildcard = host.replace(/^[^.]+/, "*");
	return names.some((name) => {
		const known = name.toLowerCase();
		return known === host || (known.startsWith("*.") && known === wildcard);
	});
}

/** An IPv6 address has many spellings. */
function normalAddress(address: string): string {
	return ipaddr.parse(address).toNormalizedString();
}

/** More are no network that an administrator has made. */
const maxAddresses = 16;

/** Returns the addresses by which browsers reach this machine: none of loopback or link-local, 16 at most. */
export function ownAddresses(interfaces = networkInterfaces): string[] {
	return Object.values(interfaces())
		.flatMap((addresses) => addresses ?? [])
		.filter(({ internal }) => !internal)
		.map(({ address }) => address)
		.filter((address) => ipaddr.parse(address).range() !== "linkLocal")
		.sort()
		.slice(0, maxAddresses);
}
