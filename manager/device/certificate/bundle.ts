import { type KeyObject, X509Certificate } from "node:crypto";
import {
	type Chain,
	isSelfSigned,
	orderChain,
	refuseIncomplete,
} from "./chain.ts";
import { readPrivateKey, refuseUnsuitable } from "./key.ts";
import { namesOf, titleOf } from "./names.ts";
import { type PemBlock, splitPem } from "./pem.ts";
import { CertificateRefused } from "./refused.ts";

/** What HAProxy takes at run time, see tune.bufsize in haproxy.cfg; its command fits beside. */
export const mostPemBytes = 15_000;

const keyLabel = /PRIVATE KEY$/;
const serverPurposes = [
	"1.3.6.1.5.5.7.3.1", // TLS web server
	"2.5.29.37.0", // any
];

/** A certificate with all that a web server needs to use it. */
export interface Bundle {
	/** As they are sent, the server's own first. No root: clients have it, or do not trust it. */
	certificates: X509Certificate[];
	/** These and the private key, without any other line. */
	pem: string;
}

/**
 * Reads certificates and key in any order.
 * @throws CertificateRefused naming what makes it unusable for any web server at any time.
 */
export function readBundle(text: string): Bundle {
	return readAll(text).bundle;
}

/**
 * As `readBundle`, for one that is to be used from now on.
 * @param isFromAuthority whether an authority has sent the chain: it knows what is complete.
 * @throws CertificateRefused naming what clients would stumble over.
 */
export function checkBundle(
	text: string,
	now: Date,
	{ isFromAuthority = false } = {},
): Bundle {
	const { bundle, chain } = readAll(text);
	const own = chain.certificates[0] as X509Certificate;
	for (const certificate of chain.certificates)
		refuseOutOfDate(certificate, now);
	if (!isFromAuthority) refuseIncomplete(chain);
	if (namesOf(own).length === 0)
		throw new CertificateRefused(
			"noNames",
			`"${titleOf(own)}" holds no host names (subject alternative names): browsers refuse it.`,
		);
	// The extended key usage; without it every purpose is allowed.
	const purposes: string[] | undefined = own.keyUsage;
	if (purposes && !serverPurposes.some((one) => purposes.includes(one)))
		throw new CertificateRefused(
			"notForServers",
			`"${titleOf(own)}" was not made for web servers.`,
		);
	if (bundle.pem.length > mostPemBytes)
		throw new CertificateRefused(
			"tooLarge",
			`Certificates and key have ${bundle.pem.length} bytes: the web server takes ${mostPemBytes}.`,
		);
	return bundle;
}

function readAll(text: string): { bundle: Bundle; chain: Chain } {
	const blocks = splitPem(text).filter(
		({ label }) => label !== "EC PARAMETERS",
	);
	const strange = blocks.find(
		({ label }) => label !== "CERTIFICATE" && !keyLabel.test(label),
	);
	if (strange)
		throw new CertificateRefused(
			"garbage",
			`Line ${strange.line} begins a ${strange.label}: the file may hold nothing but certificates and a key.`,
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
			`There is a second private key in line ${secondKey.line}: only one can be used.`,
		);
	const key = readPrivateKey(keyBlock);
	const own = certificates.find((one) => belongs(one, key));
	if (own === undefined)
		throw new CertificateRefused(
			"wrongKey",
			`The private key does not belong to the first certificate ("${titleOf(first)}"), nor to another one.`,
		);
	const chain = orderChain(own, certificates);
	for (const certificate of chain.certificates)
		refuseUnsuitable(
			`The key of "${titleOf(certificate)}"`,
			certificate.publicKey,
		);
	const sent = chain.certificates.filter(
		(one) => one === own || !isSelfSigned(one),
	);
	const pem =
		sent.map(String).join("") +
		key.export({ type: "pkcs8", format: "pem" }).toString();
	return { bundle: { certificates: sent, pem }, chain };
}

function readCertificate({ text, line }: PemBlock): X509Certificate {
	try {
		const certificate = new X509Certificate(text);
		certificate.publicKey.asymmetricKeyType; // Decoded when it is asked for.
		return certificate;
	} catch {
		throw new CertificateRefused(
			"garbage",
			`The certificate that begins in line ${line} cannot be read: it is damaged.`,
		);
	}
}

function belongs(certificate: X509Certificate, key: KeyObject): boolean {
	try {
		return certificate.checkPrivateKey(key);
	} catch {
		return false;
	}
}

function refuseOutOfDate(certificate: X509Certificate, now: Date): void {
	const from = new Date(certificate.validFrom);
	const until = new Date(certificate.validTo);
	const title = titleOf(certificate);
	// A date that cannot be read is none on which it is valid.
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
