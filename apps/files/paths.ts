import { DavError } from "./dav-error.ts";

/** The names from the top directory down; empty for the top directory itself. */
export type Path = readonly string[];

const top = "/dav";
const maxNameBytes = 255;
export const maxDepth = 64;

/**
 * @param url of a request, relative to the instance.
 * @returns undefined if it is not below `dav`.
 * @throws DavError if no file can have such a name.
 */
export function parsePath(url: string): Path | undefined {
	if (url.includes("#"))
		throw new DavError(400, "A URL with a fragment names no file");
	const [raw = ""] = url.split("?");
	if (raw !== top && !raw.startsWith(`${top}/`)) return undefined;
	const segments = raw.slice(top.length + 1).split("/");
	if (segments.at(-1) === "") segments.pop();
	if (segments.length > maxDepth)
		throw new DavError(414, `The path is more than ${maxDepth} levels deep`);
	return segments.map(parseName);
}

/**
 * @param text the URL or absolute path in a header.
 * @param host of the request. @param instancePath begins and ends with a slash.
 * @throws DavError if it is outside of the instance.
 */
export function parseReference(
	text: string,
	host: string,
	instancePath: string,
): Path {
	const base = `https://${host}`;
	if (!URL.canParse(text, base)) throw new DavError(400, `Not a URL: ${text}`);
	const url = new URL(text, base);
	const path = url.pathname.startsWith(instancePath)
		? parsePath(`/${url.pathname.slice(instancePath.length)}${url.hash}`)
		: undefined;
	if (path === undefined || url.host !== new URL(base).host)
		throw new DavError(502, "The URL is outside of this instance");
	return path;
}

/** Ends with a slash for directories. */
export function hrefOf(
	path: Path,
	isDirectory: boolean,
	instancePath: string,
): string {
	const href = [top.slice(1), ...path.map(encodeURIComponent)].join("/");
	return `${instancePath}${href}${isDirectory ? "/" : ""}`;
}

export function parentOf(path: Path): Path {
	return path.slice(0, -1);
}

/** Whether the path is the directory itself or below it. */
export function isWithin(path: Path, directory: Path): boolean {
	return directory.every((name, index) => path[index] === name);
}

function parseName(segment: string): string {
	const name = decode(segment).normalize("NFC");
	if (name === "" || name === "." || name === ".." || name.includes("/"))
		throw new DavError(400, "The name is not allowed for a file");
	// XML cannot contain these characters, and PostgreSQL no NUL.
	if (/[\p{Cc}\uFFFE\uFFFF]/u.test(name))
		throw new DavError(400, "The name has control characters");
	if (Buffer.byteLength(name) > maxNameBytes)
		throw new DavError(414, `The name has more than ${maxNameBytes} bytes`);
	return name;
}

function decode(segment: string): string {
	try {
		return decodeURIComponent(segment);
	} catch {
		throw new DavError(400, "The URL is not percent-encoded UTF-8");
	}
}
