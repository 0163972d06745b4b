import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

/** A shorter IPv6 prefix is no LAN but a mistake in the configuration. */
const minPrefixLength = 48;

/**
 * Whether an IP address is this machine, on its LAN (IPv6), or in a network that the Internet cannot reach: loopback,
 * private, link-local and any other special range.
 * @throws Error if it is no IP address.
 */
export function isInsideAddress(
	address: string,
	interfaces = networkInterfaces,
): boolean {
	const parsed = ipaddr.process(address);
	// What a host without IPv4 uses for one (NAT64).
	if (parsed instanceof ipaddr.IPv6 && parsed.range() === "rfc6052")
		return isInsideAddress(
			parsed.toByteArray().slice(12).join("."),
			interfaces,
		);
	if (parsed.range() !== "unicast") return true;
	return Object.values(interfaces())
		.flatMap((addresses) => addresses ?? [])
		.some(({ address: own, cidr }) => {
			if (parsed instanceof ipaddr.IPv4) return own === parsed.toString();
			const [network, length] = ipaddr.parseCIDR(cidr ?? `${own}/128`);
			return (
				network instanceof ipaddr.IPv6 &&
				length >= minPrefixLength &&
				parsed.match(network, length)
			);
		});
}
