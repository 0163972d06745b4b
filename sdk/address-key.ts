import ipaddr from "ipaddr.js";

/**
 * Returns the key by which clients are counted: the IPv4 address, or the /64 of an IPv6 address,
 * since an IPv6 user can choose any address of at least a /64. Loopback has one key: every program
 * on the machine can choose any of its addresses.
 */
export function addressKey(address: string | undefined): string {
	if (address === undefined) return "unknown";
	if (!ipaddr.isValid(address)) return address;
	const parsed = ipaddr.process(address); // An IPv4-mapped address becomes its IPv4 address.
	if (parsed.range() === "loopback") return "loopback";
	if (parsed instanceof ipaddr.IPv4) return parsed.toString();
	return parsed.parts
		.slice(0, 4)
		.map((part) => part.toString(16))
		.join(":");
}
