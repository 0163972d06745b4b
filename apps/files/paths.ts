import { Refusal } from "./refusal.ts";

/** Names from the top folder down; empty for the top folder itself. */
export type Path = readonly string[];

const top = "/dav";
const longestNameBytes = 255;
export const deepestPath = 64;

/**
 * @param url of a request, relative to the instance.
 * @returns undefined where it is not one of ours.
 * @throws Refusal where no file can have such a name.
 */
export function parsePath(url: string): Path | undefined {
	if (url.includes("#")) throw new Refusal(400, "A fragment names no file");
	const [raw = ""] = url.split("?");
	if (raw !== top && !raw.startsWith(`${top}/`)) return undefined;
	const segments = raw.slice(top.length + 1).split("/");
	if (segments.at(-1) === "") segments.pop();
	if (segments.length > deepestPath)
		throw new Refusal(414, `Folders may be ${deepestPath} deep`);
	return segments.map(parseName);
}

/**
 * @param text a header's URL or absolute path.
 * @param host the request's own. @param instancePath begins and ends with a slash.
 * @throws Refusal where it leads elsewhere.
 */
export function parseReference(
	text: string,
	host: string,
	instancePath: string,
): Path {
	const base = `https://${host}`;
	if (!URL.canParse(text, base)) throw new Refusal(400, `No URL: ${text}`);
	const url = new URL(text, base);
	const path = url.pathname.startsWith(instancePath)
		? parsePath(`/${url.pathname.slice(instancePath.length)}${url.hash}`)
		: undefined;
	if (path === undefined || url.host !== new URL(base).host)
		throw new Refusal(502, "That is no place of this instance");
	return path;
}

/** With a slash at the end for folders. */
export function hrefOf(
	path: Path,
	isFolder: boolean,
	instancePath: string,
): string {
	const href = [top.slice(1), ...path.map(encodeURIComponent)].join("/");
	return `${instancePath}${href}${isFolder ? "/" : ""}`;
}

export function parentOf(path: Path): Path {
	return path.slice(0, -1);
}

/** Whether it is the folder, or below it. */
export function isWithin(path: Path, folder: Path): boolean {
	return folder.every((name, index) => path[index] === name);
}

function parseName(segment: string): string {
	const name = decode(segment).normalize("NFC");
	if (name === "" || name === "." || name === ".." || name.includes("/"))
		throw new Refusal(400, "No file can have this name");
	// XML cannot carry these, and PostgreSQL not the first.
	if (/[\p{Cc}\uFFFE\uFFFF]/u.test(name))
		throw new Refusal(400, "Names have no control characters");
	if (Buffer.byteLength(name) > longestNameBytes)
		throw new Refusal(414, `Names have at most ${longestNameBytes} bytes`);
	return name;
}

function decode(segment: string): string {
	try {
		return decodeURIComponent(segment);
	} catch {
		throw new Refusal(400, "This is not percent-encoded UTF-8");
	}
}
