import {
	createPrivateKey,
	createPublicKey,
	type KeyObject,
	sign,
	verify,
} from "node:crypto";
import type { PemBlock } from "./pem.ts";
import { CertificateRefused } from "./refused.ts";

/** What OpenSSL and browsers take from a web server. */
const smallestRsaBits = 2048;
const largestRsaBits = 8192;
const curves = ["prime256v1", "secp384r1", "secp521r1"];

/** @throws CertificateRefused where it is encrypted, damaged, or of no use for a web server. */
export function readPrivateKey({ label, text, line }: PemBlock): KeyObject {
	if (label === "ENCRYPTED PRIVATE KEY" || text.includes("ENCRYPTED"))
		throw new CertificateRefused(
			"keyEncrypted",
			"The private key is encrypted. Take its password off first: openssl pkey -in FILE -out FILE.",
		);
	let key: KeyObject;
	try {
		key = createPrivateKey(text);
	} catch {
		throw new CertificateRefused(
			"garbage",
			`The private key that begins in line ${line} cannot be read: it is damaged.`,
		);
	}
	refuseUnsuitable("The private key", key);
	// The halves of a damaged key can still look as if they belonged together.
	const probe = Buffer.from("probe");
	if (!verify("sha256", probe, createPublicKey(key), signature(key, probe)))
		throw new CertificateRefused("garbage", "The private key is damaged.");
	return key;
}

/** @throws CertificateRefused @param what it is, as the subject of a sentence. */
export function refuseUnsuitable(what: string, key: KeyObject): void {
	const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
	if (key.asymmetricKeyType === "rsa") {
		if (modulusLength < smallestRsaBits)
			throw new CertificateRefused(
				"keyTooSmall",
				`${what} has ${modulusLength} bits: RSA needs ${smallestRsaBits} or more.`,
			);
		if (modulusLength > largestRsaBits)
			throw new CertificateRefused(
				"keyUnsupported",
				`${what} has ${modulusLength} bits: ${largestRsaBits} are the most.`,
			);
		return;
	}
	if (key.asymmetricKeyType === "ec") {
		if (curves.includes(namedCurve)) return;
		throw new CertificateRefused(
			"keyUnsupported",
			`${what} is on the curve ${namedCurve}: P-256, P-384 and P-521 are supported.`,
		);
	}
	throw new CertificateRefused(
		"keyUnsupported",
		`${what} is of the type ${key.asymmetricKeyType}: RSA and EC are supported.`,
	);
}

function signature(key: KeyObject, data: Buffer): Buffer {
	try {
		return sign("sha256", data, key);
	} catch {
		return Buffer.alloc(0);
	}
}
