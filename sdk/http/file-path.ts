const indexPage = "index.html";

/**
 * Where below a folder the file is that a URL names; of a folder it is its page.
 * @param url path with or without a query, as it was sent.
 * @returns undefined where there can be none: a name that is hidden, leads elsewhere, or is none.
 */
export function filePathOf(url: string): string | undefined {
	const [pathname = ""] = url.split(/[?#]/, 1);
	if (!pathname.startsWith("/")) return undefined;
	const names = pathname.slice(1).split("/").map(decode);
	if (names.at(-1) === "") names[names.length - 1] = indexPage;
	// Once: an encoded % of it is a % of the name.
	return names.every(isPlain) ? names.join("/") : undefined;
}

/** Whether a path below a folder stays in it, and no part of it is hidden. */
export function isVisible(path: string): boolean {
	return path.split("/").every((name) => !name.startsWith("."));
}

function isPlain(name: string | undefined): boolean {
	return name !== undefined && name !== "" && !/^\.|[/\\\p{Cc}]/u.test(name);
}

function decode(text: string): string | undefined {
	try {
		return decodeURIComponent(text);
	} catch {
		return undefined;
	}
}
