import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

/**
 * Whether an IP address is this machine, or in a network that the Internet cannot reach: loopback, private, link-local
 * and any other special range.
 * @throws Error if it is no IP address.
 */
export function isInsideAddress(address: string): boolean {
	const parsed = ipaddr.process(address);
	// What a host without IPv4 uses for one (NAT64).
	if (parsed instanceof ipaddr.IPv6 && parsed.range() === "rfc6052")
		return isInsideAddress(parsed.toByteArray().slice(12).join("."));
	return parsed.range() !== "unicast" || isOwnAddress(parsed.toString());
}

function isOwnAddress(address: string): boolean {
	return Object.values(networkInterfaces())
		.flatMap((addresses) => addresses ?? [])
		.some((own) => ipaddr.process(own.address).toString() === address);
}
