import { createHash } from "node:crypto";

/**
 * Tools give disks and file systems random identifiers. Ours are derived from a seed (such as name,
 * version and build), so that the same inputs give the same bytes. `purpose` distinguishes the
 * identifiers of one seed.
 */
function digest(seed: string, purpose: string): Buffer {
	return createHash("sha256").update(`${purpose}\0${seed}`).digest();
}

/** Returns the 16 bytes of a version 8 UUID (RFC 9562: vendor-specific content). */
export function derivedUuidBytes(seed: string, purpose: string): Buffer {
	const bytes = digest(seed, purpose).subarray(0, 16);
	bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
	bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
	return bytes;
}

/** Returns the same UUID as text. */
export function derivedUuid(seed: string, purpose: string): string {
	return derivedUuidBytes(seed, purpose)
		.toString("hex")
		.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Returns eight lower-case hex digits, never 00000000 (which means "none" in an MBR). */
export function derivedHex32(seed: string, purpose: string): string {
	const value = digest(seed, purpose).readUInt32BE(0) || 1;
	return value.toString(16).padStart(8, "0");
}

/** Returns the MBR disk signature, as used in PARTUUID=… and grub.cfg. */
export function diskSignature(seed: string): string {
	return derivedHex32(seed, "MBR disk signature");
}
