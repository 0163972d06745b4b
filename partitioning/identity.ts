import { createHash } from "node:crypto";

/**
 * Disks and file systems carry identifiers which tools make at random. Ours follow from a
 * seed (such as name, version and build), so that the same inputs give the same bytes.
 * `purpose` keeps the identifiers of one seed apart.
 */
function digest(seed: string, purpose: string): Buffer {
	return createHash("sha256").update(`${purpose}\0${seed}`).digest();
}

/** Sixteen bytes in the form of a UUID of version 8 (RFC 9562: content chosen by the vendor). */
export function derivedUuidBytes(seed: string, purpose: string): Buffer {
	const bytes = digest(seed, purpose).subarray(0, 16);
	bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
	bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
	return bytes;
}

/** The same UUID as text. */
export function derivedUuid(seed: string, purpose: string): string {
	return derivedUuidBytes(seed, purpose)
		.toString("hex")
		.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Eight lower-case hex digits, never 00000000 (which means "none" in an MBR). */
export function derivedHex32(seed: string, purpose: string): string {
	const value = digest(seed, purpose).readUInt32BE(0) || 1;
	return value.toString(16).padStart(8, "0");
}

/** The MBR disk signature, as it stands in PARTUUID=… and in grub.cfg. */
export function diskSignature(seed: string): string {
	return derivedHex32(seed, "MBR disk signature");
}
