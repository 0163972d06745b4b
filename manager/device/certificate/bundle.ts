import { type KeyObject, X509Certificate } from "node:crypto";
import {
	assertComplete,
	type Chain,
	isSelfSigned,
	orderChain,
} from "./chain.ts";
import { assertSuitableKey, readPrivateKey } from "./key.ts";
import { alternativeNames, displayName } from "./names.ts";
import { CertificateRefused, type PemBlock, splitPem } from "./pem.ts";

/** HAProxy limits it at run time: certificate and command share one buffer (tune.bufsize in haproxy.cfg). */
export const maxPemBytes = 15_000;

const keyLabel = /PRIVATE KEY$/;
const serverPurposes = [
	"1.3.6.1.5.5.7.3.1", // TLS web server
	"2.5.29.37.0", // any
];

/** A certificate with everything that a web server needs to use it. */
export interface Bundle {
	/** In the order in which they are sent, leaf first. No root: clients have it or do not trust it. */
	certificates: X509Certificate[];
	/** These and the private key, nothing else. */
	pem: string;
}

/**
 * Reads certificates and key in any order.
 * @throws CertificateRefused with the reason why no web server can ever use it.
 */
export function readBundle(text: string): Bundle {
	return readAll(text).bundle;
}

/**
 * Reads a bundle like `readBundle` and checks that clients would accept it now.
 * @param isFromAuthority whether an authority has sent the chain, which is complete then.
 * @throws CertificateRefused with the reason why clients would refuse it.
 */
export function checkBundle(
	text: string,
	now: Date,
	{ isFromAuthority = false } = {},
): Bundle {
	const { bundle, chain } = readAll(text);
	const leaf = chain.certificates[0] as X509Certificate;
	for (const certificate of chain.certificates) assertValidAt(certificate, now);
	if (!isFromAuthority) assertComplete(chain);
	if (alternativeNames(leaf).length === 0)
		throw new CertificateRefused(
			"noNames",
			`"${displayName(leaf)}" contains no host names (subject alternative names): browsers refuse it.`,
		);
	// The extended key usage. Without it every purpose is allowed.
	const purposes: string[] | undefined = leaf.keyUsage;
	if (purposes && !serverPurposes.some((one) => purposes.includes(one)))
		throw new CertificateRefused(
			"notForServers",
			`"${displayName(leaf)}" is not valid for web servers (extended key usage).`,
		);
	if (bundle.pem.length > maxPemBytes)
		throw new CertificateRefused(
			"tooLarge",
			`Certificates and key have ${bundle.pem.length} bytes: the web server accepts at most ${maxPemBytes}.`,
		);
	return bundle;
}

function readAll(text: string): { bundle: Bundle; chain: Chain } {
	const blocks = splitPem(text).filter(
		({ label }) => label !== "EC PARAMETERS",
	);
	const unexpected = blocks.find(
		({ label }) => label !== "CERTIFICATE" && !keyLabel.test(label),
	);
	if (unexpected)
		throw new CertificateRefused(
			"garbage",
			`Line ${unexpected.line} begins a ${unexpected.label}: the file may contain only certificates and a key.`,
		);
	const certificates = blocks
		.filter(({ label }) => label === "CERTIFICATE")
		.map(readCertificate);
	const [first] = certificates;
	if (first === undefined)
		throw new CertificateRefused(
			"noCertificate",
			"There is no certificate in the file.",
		);
	const [keyBlock, secondKey] = blocks.filter(({ label }) =>
		keyLabel.test(label),
	);
	if (keyBlock === undefined)
		throw new CertificateRefused(
			"noKey",
			"There is no private key in the file: add it to the certificates.",
		);
	if (secondKey)
		throw new CertificateRefused(
			"twoKeys",
			`There is a second private key in line ${secondKey.line}: only one is allowed.`,
		);
	const key = readPrivateKey(keyBlock);
	const leaf = certificates.find((one) => hasKey(one, key));
	if (leaf === undefined)
		throw new CertificateRefused(
			"wrongKey",
			`The private key does not belong to the first certificate ("${displayName(first)}") or to any other.`,
		);
	const chain = orderChain(leaf, certificates);
	for (const certificate of chain.certificates)
		assertSuitableKey(
			`The key of "${displayName(certificate)}"`,
			certificate.publicKey,
		);
	const sent = chain.certificates.filter(
		(one) => one === leaf || !isSelfSigned(one),
	);
	const pem =
		sent.map(String).join("") +
		key.export({ type: "pkcs8", format: "pem" }).toString();
	return { bundle: { certificates: sent, pem }, chain };
}

function readCertificate({ text, line }: PemBlock): X509Certificate {
	try {
		const certificate = new X509Certificate(text);
		certificate.publicKey.asymmetricKeyType; // Decodes the key, which throws if it is damaged.
		return certificate;
	} catch {
		throw new CertificateRefused(
			"garbage",
			`The certificate that begins in line ${line} cannot be read: it is damaged.`,
		);
	}
}

function hasKey(certificate: X509Certificate, key: KeyObject): boolean {
	try {
		return certificate.checkPrivateKey(key);
	} catch {
		return false;
	}
}

function assertValidAt(certificate: X509Certificate, now: Date): void {
	const from = new Date(certificate.validFrom);
	const until = new Date(certificate.validTo);
	const title = displayName(certificate);
	// Negated, so that an unreadable date counts as not valid.
	if (!(now >= from))
		throw new CertificateRefused(
			"notYetValid",
			`"${title}" is not valid before ${certificate.validFrom}; this device's clock says ${now.toUTCString()}.`,
		);
	if (!(now <= until))
		throw new CertificateRefused(
			"expired",
			`"${title}" expired on ${certificate.validTo}.`,
		);
}
