import { isIPv6 } from "node:net";

/**
 * Returns the key by which clients are counted: the IPv4 address, or the /64 of an IPv6 address,
 * since an IPv6 user can choose any address of at least a /64.
 */
export function addressKey(address: string | undefined): string {
	if (address === undefined) return "unknown";
	const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
	if (mapped?.[1] !== undefined) return mapped[1];
	if (!isIPv6(address)) return address;
	const [head = "", tail] = address.split("::");
	const groups = head === "" ? [] : head.split(":");
	if (tail !== undefined) {
		const last = tail === "" ? [] : tail.split(":");
		while (groups.length + last.length < 8) groups.push("0");
		groups.push(...last);
	}
	return groups
		.slice(0, 4)
		.map((group) => Number.parseInt(group, 16).toString(16))
		.join(":");
}
