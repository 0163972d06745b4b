import {
	createPrivateKey,
	createPublicKey,
	type KeyObject,
	sign,
	verify,
} from "node:crypto";
import { CertificateRefused, type PemBlock } from "./pem.ts";

/** The keys that OpenSSL and browsers accept from a web server. */
const minRsaBits = 2048;
const maxRsaBits = 8192;
const curves = ["prime256v1", "secp384r1", "secp521r1"];

/** @throws CertificateRefused if the key is encrypted, damaged or unsuitable for a web server. */
export function readPrivateKey({ label, text, line }: PemBlock): KeyObject {
	if (label === "ENCRYPTED PRIVATE KEY" || text.includes("ENCRYPTED"))
		throw new CertificateRefused(
			"keyEncrypted",
			"The private key is encrypted. Remove its password first: openssl pkey -in FILE -out FILE.",
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
	assertSuitableKey("The private key", key);
	// A damaged key may be readable: only a signature shows that its public and private parts match.
	const probe = Buffer.from("probe");
	if (!verify("sha256", probe, createPublicKey(key), signature(key, probe)))
		throw new CertificateRefused("garbage", "The private key is damaged.");
	return key;
}

/** @param what names the key, as the subject of a sentence. @throws CertificateRefused */
export function assertSuitableKey(what: string, key: KeyObject): void {
	const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
	if (key.asymmetricKeyType === "rsa") {
		if (modulusLength < minRsaBits)
			throw new CertificateRefused(
				"keyTooSmall",
				`${what} has ${modulusLength} bits: RSA keys need at least ${minRsaBits}.`,
			);
		if (modulusLength > maxRsaBits)
			throw new CertificateRefused(
				"keyUnsupported",
				`${what} has ${modulusLength} bits: RSA keys may have at most ${maxRsaBits}.`,
			);
		return;
	}
	if (key.asymmetricKeyType === "ec") {
		if (curves.includes(namedCurve)) return;
		throw new CertificateRefused(
			"keyUnsupported",
			`${what} uses the curve ${namedCurve}: only P-256, P-384 and P-521 are supported.`,
		);
	}
	throw new CertificateRefused(
		"keyUnsupported",
		`${what} has the type ${key.asymmetricKeyType}: only RSA and EC are supported.`,
	);
}

function signature(key: KeyObject, data: Buffer): Buffer {
	try {
		return sign("sha256", data, key);
	} catch {
		return Buffer.alloc(0);
	}
}
