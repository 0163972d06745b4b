import { STATUS_CODES } from "node:http";
import { dav, escapeXml } from "./xml.ts";

/** @param properties as XML elements. */
export function propstat(
	status: number,
	properties: readonly string[],
): string {
	if (properties.length === 0) return "";
	const line = `HTTP/1.1 ${status} ${STATUS_CODES[status]}`;
	return dav("propstat", dav("prop", ...properties), dav("status", line));
}

export function responseOf(href: string, ...propstats: string[]): string {
	return dav("response", dav("href", escapeXml(href)), ...propstats);
}
