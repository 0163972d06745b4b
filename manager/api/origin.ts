import { isIP } from "node:net";
import { isCovered } from "../device/certificate/names.ts";

/** A Host header. */
export interface Host {
	/** Lower case, without a dot at the end; an IPv6 address without brackets. */
	name: string;
	/** Undefined for the default port of the scheme. */
	port: string | undefined;
}

/** @returns undefined if the text is no host with an optional port. */
export function parseHost(
	text: string | undefined,
	scheme: "http" | "https",
): Host | undefined {
	if (text === undefined || !/^[\w.:[\]-]+$/.test(text)) return undefined;
	const origin = `${scheme}://${text}`;
	if (!URL.canParse(origin)) return undefined;
	const { hostname, port } = new URL(origin);
	const name = hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
	return { name, port: port || undefined };
}

/**
 * Returns whether a request can come from a page of the origin that it is sent to. Browsers send the page's origin
 * with each POST and each WebSocket. Other programs send none, but also no cookie that another site could abuse.
 * @param host the Host header; the default port counts as none.
 * @param scheme with which the client has connected.
 */
export function isSameOrigin(
	origin: string | undefined,
	host: string | undefined,
	scheme: "http" | "https",
): boolean {
	if (origin === undefined) return true;
	const target = `${scheme}://${host}`;
	// A page without an origin, such as a sandboxed frame, sends "null".
	if (!parseHost(host, scheme) || !URL.canParse(origin)) return false;
	// Schemes that URL gives no origin, such as chrome-extension, have the origin "null".
	return new URL(origin).origin === new URL(target).origin;
}

/**
 * Returns whether a host name is this machine's, so that nobody else decides where it leads: a page of another site
 * can let its own name lead to this machine (DNS rebinding), but not an address or one of these names.
 * @param name of parseHost. @param ownNames of the machine, with wildcards as in certificates.
 */
export function isOwnHost(name: string, ownNames: readonly string[]): boolean {
	return isIP(name) !== 0 || name === "localhost" || isCovered(name, ownNames);
}
