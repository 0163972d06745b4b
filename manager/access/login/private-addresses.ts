import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** The names that ipaddr.js gives to RFC 1918, loopback, link-local and unique local addresses. */
const privateRanges = ["private", "loopback", "linkLocal", "uniqueLocal"];

/**
 * Whether an IP address is private. An IPv4-mapped IPv6 address counts as its IPv4 address.
 * An unknown address is not private.
 */
export function isPrivateAddress(address: string | undefined): boolean {
	// isIP first: ipaddr.js also accepts 10.1 and 0x0a000001.
	if (address === undefined || isIP(address) === 0) return false;
	return privateRanges.includes(ipaddr.process(address).range());
}
