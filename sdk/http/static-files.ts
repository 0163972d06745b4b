import { constants, open, realpath } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname, join, relative, resolve } from "node:path";
import mime from "mime/lite";
import Negotiator from "negotiator";
import { filePathOf, isVisible } from "./file-path.ts";
import { type Content, sendContent } from "./send.ts";

// `sirv` and `send`, which serve folders, compare no q-values, or know no stored variants, and have
// weak ETags only; what they would do of the rest is short.

export interface StaticFilesOptions {
	/** Paths below the folder whose content never changes, since their name does with it. */
	immutable?: RegExp;
}

/** Content codings, the best first, and how the name of a file ends that is stored in it. */
const endings = { br: ".br", gzip: ".gz", identity: "" };
type Encoding = keyof typeof endings;
const encodings = Object.keys(endings) as Encoding[];

/** What the file system says where nothing can be served. */
const absent = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "ENXIO"]);
const yearSeconds = 365 * 24 * 60 * 60;

/**
 * The files of a folder over HTTP. `x.js.br` and `x.js.gz` beside `x.js` are sent in its place to
 * whom they suit. Hidden files, and links that lead out of the folder, are not there.
 */
export class StaticFiles {
	readonly #folder: string;
	readonly #immutable: RegExp | undefined;

	private constructor(folder: string, { immutable }: StaticFilesOptions) {
		this.#folder = folder;
		this.#immutable = immutable;
	}

	/**
	 * @param folder relative to the program's.
	 * @throws Error where it is not there.
	 */
	static async open(
		folder: string,
		options: StaticFilesOptions = {},
	): Promise<StaticFiles> {
		const path = resolve(dirname(process.argv[1] ?? ""), folder);
		return new StaticFiles(await realpath(path), options);
	}

	/**
	 * Answers a GET or HEAD of a file; `/` at the end of the URL stands for the folder's
	 * `index.html`. Headers that the response has already stay.
	 * @param url whose file is sent: its path, below the folder.
	 * @returns false where there is no such file, or another method: nothing was answered then.
	 */
	async answer(
		request: IncomingMessage,
		response: ServerResponse,
		url = request.url ?? "",
	): Promise<boolean> {
		if (request.method !== "GET" && request.method !== "HEAD") return false;
		const path = filePathOf(url);
		if (path === undefined) return false;
		const file = await this.#suitable(request, path);
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

	async #suitable(
		{ headers }: IncomingMessage,
		path: string,
	): Promise<OpenFile | undefined> {
		const accepted = new Negotiator({ headers }).encodings(encodings, {
			preferred: encodings,
		});
		// Who refuses plain bytes too gets them, as from other servers.
		for (const encoding of new Set([...accepted, "identity" as const])) {
			const file = await this.#open(path, encoding);
			if (file) return file;
		}
		return undefined;
	}

	async #open(path: string, encoding: Encoding): Promise<OpenFile | undefined> {
		try {
			const stored = join(this.#folder, path + endings[encoding]);
			const real = await realpath(stored);
			if (!isVisible(relative(this.#folder, real))) return undefined;
			return await openFile(real, typeOf(path), encoding);
		} catch (error) {
			const { code = "" } = error as NodeJS.ErrnoException;
			if (absent.has(code)) return undefined;
			throw error;
		}
	}

	#cacheControl(path: string): string {
		// With the ETag, to ask again costs little.
		// Not `test`, which remembers where it was when the expression is global.
		return this.#immutable && path.search(this.#immutable) >= 0
			? `public, max-age=${yearSeconds}, immutable`
			: "no-cache";
	}
}

interface OpenFile extends Content {
	close(): Promise<void>;
}

/** @param path has no links. @returns undefined where it is no file. */
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
	// The time of a file's change, unlike that of its modification, is nobody's to choose.
	const [size, changed] = [stat.size, stat.ctimeNs].map((n) => n.toString(36));
	return {
		version: {
			etag: `"${size}-${changed}${endings[encoding]}"`,
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
	// With the slash, a file `js` is not taken for one that ends so.
	const type = mime.getType(`/${path}`) ?? "application/octet-stream";
	return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}
