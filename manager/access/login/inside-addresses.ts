import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

/** The names that ipaddr.js gives to RFC 1918, loopback, link-local and unique local addresses. */
const privateRanges = ["private", "loopback", "linkLocal", "uniqueLocal"];
/** Its name of 100.64.0.0/10 (RFC 6598): between a provider and its customers; some companies use it inside. */
const sharedAddressSpace = "carrierGradeNat";
/** A shorter prefix is no LAN but a mistake in the configuration. */
const minPrefixLength = 48;

/**
 * Addresses from which the default password is valid: private ones and the LAN's global IPv6 prefixes, which a browser
 * prefers if it has both. /usr/lib/app-platform/default-passwords.sh has the same rules for SSH.
 */
export class InsideAddresses {
	readonly #interfaces: typeof networkInterfaces;
	/** Whether 100.64.0.0/10 is inside. */
	includesSharedAddressSpace = false;

	constructor(interfaces = networkInterfaces) {
		this.#interfaces = interfaces;
	}

	/** An IPv4-mapped IPv6 address counts as its IPv4 address. An unknown address is not inside. */
	has(address: string | undefined): boolean {
		// isIP first: ipaddr.js also accepts 10.1 and 0x0a000001.
		if (address === undefined || isIP(address) === 0) return false;
		const parsed = ipaddr.process(address);
		const range = parsed.range();
		if (privateRanges.includes(range)) return true;
		if (range === sharedAddressSpace) return this.includesSharedAddressSpace;
		return parsed instanceof ipaddr.IPv6 && this.#isInOwnNetwork(parsed);
	}

	/** Looked up each time, since a provider may assign another prefix every day. */
	#isInOwnNetwork(address: ipaddr.IPv6): boolean {
		return Object.values(this.#interfaces())
			.flatMap((addresses) => addresses ?? [])
			.some(({ family, internal, cidr }) => {
				if (family !== "IPv6" || internal || cidr === null) return false;
				const [network, length] = ipaddr.IPv6.parseCIDR(cidr);
				return length >= minPrefixLength && address.match(network, length);
			});
	}
}
