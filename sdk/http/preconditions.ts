import type { IncomingHttpHeaders } from "node:http";

/** What conditions are compared with; undefined where there is no such file. */
export interface Version {
	/** With its quotes. A folder has none. */
	etag: string | undefined;
	modified: Date;
}

/**
 * RFC 9110, 13.2.2.
 * @returns the status that ends the request, or undefined where it may go on.
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

/** Whether a range may be answered: `If-Range` names this very version, or is not there. */
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

/** Headers have no more. NaN, which compares with nothing, for no date. */
function seconds(date: Date | undefined): number {
	return date ? Math.floor(date.getTime() / 1000) : Number.NaN;
}
