import type { IncomingHttpHeaders } from "node:http";

/** The current version of a file, with which conditions are compared. */
export interface Version {
	/** With its quotes. A directory has none. */
	etag: string | undefined;
	modified: Date;
}

/**
 * Evaluates the conditions of a request as RFC 9110, 13.2.2 says.
 * @param version undefined if the file does not exist.
 * @returns the status of the answer, or undefined if the conditions hold.
 */
export function failedPrecondition(
	headers: IncomingHttpHeaders,
	version: Version | undefined,
	isRead: boolean,
): 304 | 412 | undefined {
	const ifMatch = headers["if-match"];
	const ifNoneMatch = headers["if-none-match"];
	const isNewerThan = (date: string | undefined) =>
		date !== undefined && seconds(version?.modified) > seconds(new Date(date));
	if (ifMatch !== undefined) {
		if (!matches(ifMatch, version)) return 412;
	} else if (isNewerThan(headers["if-unmodified-since"])) return 412;
	if (ifNoneMatch !== undefined) {
		if (matches(ifNoneMatch, version)) return isRead ? 304 : 412;
	} else if (
		isRead &&
		seconds(version?.modified) <= seconds(dateOf(headers["if-modified-since"]))
	)
		return 304;
	return undefined;
}

/** Whether a range may be sent: `If-Range` is absent or names exactly this version. */
export function isRangeWanted(
	{ "if-range": ifRange }: IncomingHttpHeaders,
	{ etag, modified }: Version,
): boolean {
	if (ifRange === undefined) return true;
	return ifRange.toString() === etag || ifRange === modified.toUTCString();
}

function matches(header: string, version: Version | undefined): boolean {
	if (header.trim() === "*") return version !== undefined;
	const etags = header.split(",").map((one) => one.trim().replace(/^W\//, ""));
	return version?.etag !== undefined && etags.includes(version.etag);
}

function dateOf(text: string | undefined): Date | undefined {
	return text === undefined ? undefined : new Date(text);
}

/** HTTP dates have whole seconds. NaN, with which every comparison is false, if there is no date. */
function seconds(date: Date | undefined): number {
	return date ? Math.floor(date.getTime() / 1000) : Number.NaN;
}
