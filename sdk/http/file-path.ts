const indexPage = "index.html";

/**
 * Converts the URL of a request to a relative file path; a directory stands for its index page.
 * @param url path with or without a query, as it was sent.
 * @returns undefined if the URL is invalid, names a hidden file, or leads out of the directory.
 */
export function filePathOf(url: string): string | undefined {
	const [pathname = ""] = url.split(/[?#]/, 1);
	if (!pathname.startsWith("/")) return undefined;
	const names = pathname.slice(1).split("/").map(decode);
	if (names.at(-1) === "") names[names.length - 1] = indexPage;
	// Decoded only once: %25 is a % in the name.
	return names.every(isPlain) ? names.join("/") : undefined;
}

/** Whether a relative path stays in its directory and no part of it is hidden. */
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
