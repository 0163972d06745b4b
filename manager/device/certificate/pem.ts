import { CertificateRefused } from "./refused.ts";

/** One `-----BEGIN …-----` to `-----END …-----`. */
export interface PemBlock {
	label: string;
	/** With both of these lines. */
	text: string;
	/** Of the line where it begins, from 1. */
	line: number;
}

const begin = /^-----BEGIN ([A-Z0-9 ]+)-----$/;
/** What programs write around blocks for people: openssl's attributes, and comments. */
const explanation =
	/^(#.*|Bag Attributes.*|Key Attributes.*|\s+\w[\w .-]*:.*|\s*(subject|issuer) ?=.*)?$/;

/**
 * The blocks of a PEM file.
 * @throws CertificateRefused naming the first line that belongs to none.
 */
export function splitPem(text: string): PemBlock[] {
	const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
	const blocks: PemBlock[] = [];
	for (let index = 0; index < lines.length; index += 1) {
		const line = (lines[index] ?? "").trimEnd();
		const label = begin.exec(line)?.[1];
		if (label === undefined) {
			if (explanation.test(line)) continue;
			throw new CertificateRefused(
				"garbage",
				`Line ${index + 1} is not PEM: the file may hold nothing but certificates and a key.`,
			);
		}
		const end = lines.findIndex(
			(other, at) => at > index && other.trimEnd() === `-----END ${label}-----`,
		);
		const block = lines.slice(index, end + 1).map((one) => one.trim());
		if (end < 0 || block.slice(1).some((one) => begin.test(one)))
			throw new CertificateRefused(
				"garbage",
				`The ${label} that begins in line ${index + 1} has no end: the file is cut off or damaged.`,
			);
		blocks.push({ label, text: `${block.join("\n")}\n`, line: index + 1 });
		index = end;
	}
	return blocks;
}
