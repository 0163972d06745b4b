import { X509Certificate } from "node:crypto";
import { isIP, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";
import * as z from "zod";
import {
	type DatabaseHost,
	databaseKind,
	defaultPorts,
	tlsMode,
} from "../../../sdk/protocol.ts";
import { OperationError } from "../../shared/operation-error.ts";

const maxCaBytes = 32 * 1024;

/** A database server on another machine. */
export interface ExternalHost extends DatabaseHost {
	/** DNS name (in ASCII) or IP address. */
	host: string;
}

/** Without a port, the default of the kind of database applies. */
export interface Address {
	host: string;
	port?: number;
}

/**
 * Parses what administrators enter: a DNS name, an IPv4 address, or an IPv6 address with or without
 * brackets, optionally followed by a colon and a port. An IPv6 address without brackets has no port.
 * @returns undefined if it is none of these.
 */
export function parseAddress(typed: string): Address | undefined {
	const text = typed.trim();
	if (isIPv6(text)) return { host: text.toLowerCase() };
	const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
	if (!parts) return undefined;
	const [, inBrackets, plain = "", portText] = parts;
	if (inBrackets !== undefined && !isIPv6(inBrackets)) return undefined;
	const host = inBrackets?.toLowerCase() ?? toHostName(plain);
	if (host === undefined) return undefined;
	if (portText === undefined) return { host };
	const port = Number(portText);
	return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/** Formats an address as `parseAddress` reads it. */
export function formatAddress({ host, port }: Address): string {
	if (port === undefined) return host;
	return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** @returns the name for DNS queries, with `ü` as `xn--…`; undefined if it is not a valid host. */
function toHostName(text: string): string | undefined {
	if (isIP(text)) return text;
	// `domainToASCII` would read 10.1 as an IPv4 address.
	const ascii = /^\p{ASCII}*$/u.test(text) ? text : domainToASCII(text);
	const name = ascii.toLowerCase().replace(/\.$/, "");
	const labels = name.split(".");
	const isName =
		name.length <= 253 &&
		labels.every((label) =>
			/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$/.test(label),
		) &&
		!/^\d+$/.test(labels.at(-1) ?? "");
	return isName ? name : undefined;
}

const certificates = z
	.string()
	.max(maxCaBytes)
	.refine(isPem, { error: "one or more certificates as PEM" });

function isPem(text: string): boolean {
	const found = text.match(
		/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
	);
	try {
		for (const pem of found ?? []) new X509Certificate(pem);
	} catch {
		return false;
	}
	return found !== null;
}

/** An external host as an administrator enters it. */
export const externalHost = z
	.strictObject({
		/** DNS name or IP address, with a port if it is not the default. */
		address: z.string().refine((text) => parseAddress(text) !== undefined, {
			error:
				"a DNS name, an IPv4 or IPv6 address, followed by a colon and a port if it is not the default",
		}),
		kind: databaseKind.default("postgresql"),
		tlsMode: tlsMode.default("prefer"),
		/** The trusted CA certificates as PEM; by default the public ones. */
		ca: certificates.optional(),
	})
	.transform(({ address, kind, tlsMode: mode, ca }): ExternalHost => {
		const { host, port = defaultPorts[kind] } = parseAddress(address) ?? {
			host: address,
		};
		return { host, port, kind, tls: ca ? { mode, ca } : { mode } };
	});

/**
 * Checks that a stored password is sent to no other server than the one that it is for, and with no less protection:
 * whoever may change or test the address must not learn the password by it.
 * @param stored null for the database on this machine.
 * @param requested undefined if it stays as it is.
 * @throws OperationError if the password must be entered with the address.
 */
export function assertKeepsPassword(
	stored: ExternalHost | null,
	requested: ExternalHost | null | undefined,
): void {
	if (!requested || (stored && isAtLeastAsSafe(requested, stored))) return;
	throw new OperationError(
		"invalid",
		"passwordNeeded",
		"Enter the database password too: the stored one is not sent to another server, nor with less protection",
	);
}

function isAtLeastAsSafe(host: ExternalHost, other: ExternalHost): boolean {
	const strength = ({ tls }: ExternalHost) => tlsMode.options.indexOf(tls.mode);
	return (
		host.host === other.host &&
		host.port === other.port &&
		host.kind === other.kind &&
		strength(host) >= strength(other) &&
		(other.tls.ca === undefined || host.tls.ca === other.tls.ca)
	);
}
