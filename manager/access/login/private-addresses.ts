import { BlockList, isIP } from "node:net";

const privateRanges = new BlockList();
privateRanges.addSubnet("10.0.0.0", 8); // RFC 1918
privateRanges.addSubnet("172.16.0.0", 12);
privateRanges.addSubnet("192.168.0.0", 16);
privateRanges.addSubnet("127.0.0.0", 8); // loopback
privateRanges.addAddress("::1", "ipv6");
privateRanges.addSubnet("169.254.0.0", 16); // link-local
privateRanges.addSubnet("fe80::", 10, "ipv6");
privateRanges.addSubnet("fc00::", 7, "ipv6"); // unique local

/**
 * Whether an IP address is private. An IPv4-mapped IPv6 address counts as its IPv4 address.
 * An unknown address is not private.
 */
export function isPrivateAddress(address: string | undefined): boolean {
	if (address === undefined) return false;
	const [bare = ""] = address.split("%"); // fe80::1%eth0
	const version = isIP(bare);
	if (version === 0) return false;
	return privateRanges.check(bare, version === 4 ? "ipv4" : "ipv6");
}
