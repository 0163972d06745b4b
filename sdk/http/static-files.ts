import { constants, open, realpath } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname, join, relative, resolve } from "node:path";
import mime from "mime/lite";
import Negotiator from "negotiator";
import { type Content, sendContent } from "./send-content.ts";

// `sirv` and `send` also serve directories, but they ignore q-values or precompressed files, and
// have weak ETags only; the rest is short.

export interface StaticFilesOptions {
	/** Matches paths whose content never changes, since their name changes with it. */
	immutable?: RegExp;
}

/** Content codings, the best first, and the suffixes of the files that are stored in them. */
const suffixes = { br: ".br", gzip: ".gz", identity: "" };
type Encoding = keyof typeof suffixes;
const encodings = Object.keys(suffixes) as Encoding[];

/** Error codes of the file system that mean "not found". */
const notFoundCodes = new Set([
	"ENOENT",
	"ENOTDIR",
	"ENAMETOOLONG",
	"ELOOP",
	"ENXIO",
]);
const yearSeconds = 365 * 24 * 60 * 60;
const indexPage = "index.html";

/**
 * Serves the files of a directory over HTTP. `x.js.br` and `x.js.gz` beside `x.js` are sent in its
 * place to clients that accept them. Hidden files, and links that lead out of the directory, are
 * not found.
 */
export class StaticFiles {
	readonly #directory: string;
	readonly #immutable: RegExp | undefined;

	private constructor(directory: string, { immutable }: StaticFilesOptions) {
		this.#directory = directory;
		this.#immutable = immutable;
	}

	/**
	 * @param directory relative to the directory of the app's program.
	 * @throws Error if the directory does not exist.
	 */
	static async open(
		directory: string,
		options: StaticFilesOptions = {},
	): Promise<StaticFiles> {
		const path = resolve(dirname(process.argv[1] ?? ""), directory);
		return new StaticFiles(await realpath(path), options);
	}

	/**
	 * Answers a GET or HEAD of a file; `/` at the end of the URL stands for the directory's
	 * `index.html`. Headers already set on the response are kept.
	 * @param url of the file, relative to the directory.
	 * @returns false if there is no such file, or for another method: then nothing was answered.
	 */
	async answer(
		request: IncomingMessage,
		response: ServerResponse,
		url = request.url ?? "",
	): Promise<boolean> {
		if (request.method !== "GET" && request.method !== "HEAD") return false;
		const path = filePathOf(url);
		if (path === undefined) return false;
		const file = await this.#negotiate(request, path);
		if (!file) return false;
		response.setHeader("vary", "accept-encoding");
		if (!response.hasHeader("cache-control"))
			response.setHeader("cache-control", this.#cacheControl(path));
		try {
			await sendContent(request, response, file);
		} finally {
			await file.close();
		}
		return true;
	}

	async #negotiate(
		{ headers }: IncomingMessage,
		path: string,
	): Promise<OpenFile | undefined> {
		const accepted = new Negotiator({ headers }).encodings(encodings, {
			preferred: encodings,
		});
		// A client that refuses plain bytes gets them nevertheless, as from other servers.
		for (const encoding of new Set([...accepted, "identity" as const])) {
			const file = await this.#open(path, encoding);
			if (file) return file;
		}
		return undefined;
	}

	async #open(path: string, encoding: Encoding): Promise<OpenFile | undefined> {
		try {
			const stored = join(this.#directory, path + suffixes[encoding]);
			const real = await realpath(stored);
			if (!isVisible(relative(this.#directory, real))) return undefined;
			return await openFile(real, typeOf(path), encoding);
		} catch (error) {
			const { code = "" } = error as NodeJS.ErrnoException;
			if (notFoundCodes.has(code)) return undefined;
			throw error;
		}
	}

	#cacheControl(path: string): string {
		// Thanks to the ETag, revalidation costs little.
		// Not `test`, which keeps its position if the expression is global.
		return this.#immutable && path.search(this.#immutable) >= 0
			? `public, max-age=${yearSeconds}, immutable`
			: "no-cache";
	}
}

interface OpenFile extends Content {
	close(): Promise<void>;
}

/** @param path without symbolic links. @returns undefined if it is not a regular file. */
async function openFile(
	path: string,
	type: string,
	encoding: Encoding,
): Promise<OpenFile | undefined> {
	const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
	const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	const stat = await file.stat({ bigint: true });
	if (!stat.isFile()) {
		await file.close();
		return undefined;
	}
	// ctime, unlike mtime, cannot be set.
	const [size, changed] = [stat.size, stat.ctimeNs].map((n) => n.toString(36));
	return {
		version: {
			etag: `"${size}-${changed}${suffixes[encoding]}"`,
			modified: stat.mtime,
		},
		type,
		encoding: encoding === "identity" ? undefined : encoding,
		sizeBytes: Number(stat.size),
		read: (first, last) =>
			file.createReadStream({ start: first, end: last, autoClose: false }),
		close: () => file.close(),
	};
}

function typeOf(path: string): string {
	// With the slash, a file named `js` does not count as one with that extension.
	const type = mime.getType(`/${path}`) ?? "application/octet-stream";
	return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}

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
