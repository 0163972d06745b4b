import { OperationError } from "../../shared/operation-error.ts";

/** The web server cannot use a certificate or key. The message names the reason and never contains the key. */
export class CertificateRefused extends OperationError {
	constructor(code: string, message: string) {
		super("invalid", code, message);
	}
}

/** The lines from `-----BEGIN …-----` to `-----END …-----`. */
export interface PemBlock {
	label: string;
	/** Includes both of these lines. */
	text: string;
	/** The number of its first line, from 1. */
	line: number;
}

const begin = /^-----BEGIN ([A-Z0-9 ]+)-----$/;
/** Lines that programs write around blocks for people: comments and openssl's attributes. */
const comment =
	/^(#.*|Bag Attributes.*|Key Attributes.*|\s+\w[\w .-]*:.*|\s*(subject|issuer) ?=.*)?$/;

/**
 * Splits a PEM file into its blocks.
 * @throws CertificateRefused naming the first line outside of all blocks.
 */
export function splitPem(text: string): PemBlock[] {
	const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
	const blocks: PemBlock[] = [];
	for (let index = 0; index < lines.length; index += 1) {
		const line = (lines[index] ?? "").trimEnd();
		const label = begin.exec(line)?.[1];
		if (label === undefined) {
			if (comment.test(line)) continue;
			throw new CertificateRefused(
				"garbage",
				`Line ${index + 1} is not PEM: the file may contain only certificates and a key.`,
			);
		}
		const end = lines.findIndex(
			(other, at) => at > index && other.trimEnd() === `-----END ${label}-----`,
		);
		const block = lines.slice(index, end + 1).map((one) => one.trim());
		if (end < 0 || block.slice(1).some((one) => begin.test(one)))
			throw new CertificateRefused(
				"garbage",
				`The ${label} that begins in line ${index + 1} has no end: the file is truncated or damaged.`,
			);
		blocks.push({ label, text: `${block.join("\n")}\n`, line: index + 1 });
		index = end;
	}
	return blocks;
}
