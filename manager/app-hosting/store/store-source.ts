import { createReadStream } from "node:fs";
import { isAbsolute, join } from "node:path";
import { bodyChunks } from "../../shared/download/body-chunks.ts";
import {
	followRedirects,
	RedirectRefused,
} from "../../shared/download/follow-redirects.ts";
import { OperationError } from "../../shared/operation-error.ts";

const stallTimeoutMs = 60_000;

/** The error code for a file that the store does not have. */
export const fileMissing = "storeFileMissing";

/** The part of a file that has been downloaded. */
export interface PartialFile {
	bytes: number;
	/** The strong entity tag with which the server sent that part, if it sends any. */
	etag: string | undefined;
}

export const emptyFile: PartialFile = { bytes: 0, etag: undefined };

/** The rest of a file after `start`. */
export interface Remainder {
	/** The part that is still valid: empty if the file has changed. */
	start: PartialFile;
	chunks: AsyncIterable<Uint8Array>;
}

/** A directory of files: `https://…`, `http://…`, or a directory of this machine. */
export class StoreSource {
	readonly #base: string;

	/** @param address of the directory, or of the apps.json in it. */
	constructor(address: string) {
		this.#base = address.replace(/\/(apps\.json)?$/, "");
	}

	/**
	 * Opens a file behind the part that is already downloaded.
	 * @param path relative, made of plain names.
	 * @throws OperationError if retrying is pointless; any other error, also while reading the
	 * chunks, is worth a retry.
	 */
	async resume(
		path: string,
		downloaded: PartialFile,
		signal: AbortSignal,
	): Promise<Remainder> {
		const location = this.#locationOf(path);
		const stalled = new AbortController();
		const timer = setTimeout(
			() => stalled.abort(new Error("the server has stopped sending")),
			stallTimeoutMs,
		);
		try {
			const { start, chunks } = isAbsolute(this.#base)
				? openLocal(location)
				: await openRemote(
						location,
						downloaded,
						AbortSignal.any([signal, stalled.signal]),
					);
			return { start, chunks: refreshing(timer, chunks) };
		} catch (error) {
			clearTimeout(timer);
			throw error;
		}
	}

	/** Returns the content of a small file. @throws OperationError naming it. */
	async text(
		path: string,
		maxBytes: number,
		signal: AbortSignal,
	): Promise<string> {
		try {
			const { chunks } = await this.resume(path, emptyFile, signal);
			const parts: Uint8Array[] = [];
			let bytes = 0;
			for await (const chunk of chunks) {
				bytes += chunk.length;
				if (bytes > maxBytes)
					throw new Error(`it has more than ${maxBytes} bytes`);
				parts.push(chunk);
			}
			return Buffer.concat(parts).toString("utf8");
		} catch (error) {
			throw this.toOperationError(path, error);
		}
	}

	/** Converts the error of a file's last attempt to one for the administrator. */
	toOperationError(path: string, error: unknown): OperationError {
		if (error instanceof OperationError) return error;
		const { code, message } = error as NodeJS.ErrnoException;
		return code === "ENOENT"
			? noSuchFile(this.#locationOf(path))
			: storeFailed(this.#locationOf(path), message);
	}

	#locationOf(path: string): string {
		return isAbsolute(this.#base)
			? join(this.#base, path)
			: `${this.#base}/${path}`;
	}
}

function openLocal(path: string): Remainder {
	return { start: emptyFile, chunks: createReadStream(path) };
}

async function openRemote(
	url: string,
	{ bytes, etag }: PartialFile,
	signal: AbortSignal,
): Promise<Remainder> {
	// Without an entity tag, the two parts could belong to different files.
	const from = etag === undefined ? 0 : bytes;
	const range: Record<string, string> =
		from > 0 && etag !== undefined
			? { range: `bytes=${from}-`, "if-range": etag }
			: {};
	const response = await followRedirects(url, range, signal).catch((error) => {
		throw error instanceof RedirectRefused
			? storeFailed(url, error.message)
			: error;
	});
	const { status, headers, body } = response;
	const tag = headers.get("etag") ?? undefined;
	// A weak tag does not promise the same bytes (RFC 9110, 8.8.1).
	const strongTag = tag?.startsWith("W/") ? undefined : tag;
	if (status === 200 && body)
		return { start: { bytes: 0, etag: strongTag }, chunks: bodyChunks(body) };
	// Some servers ignore If-Range, or send a different range than requested.
	const isRemainder =
		headers.get("content-range")?.startsWith(`bytes ${from}-`) &&
		(tag === undefined || strongTag === etag);
	if (status === 206 && from > 0 && body && isRemainder)
		return {
			start: { bytes: from, etag: strongTag },
			chunks: bodyChunks(body),
		};
	await body?.cancel();
	// A wrong range; or no range is left: the file is complete or has become shorter.
	if ((status === 206 || status === 416) && from > 0)
		return openRemote(url, emptyFile, signal);
	if (status === 404) throw noSuchFile(url);
	const message = `the server answers ${status}`;
	throw status >= 500 ? new Error(message) : storeFailed(url, message);
}

/** Passes chunks through and restarts the timer at each. */
async function* refreshing(
	timer: NodeJS.Timeout,
	chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
	try {
		for await (const chunk of chunks) {
			timer.refresh();
			yield chunk;
		}
	} finally {
		clearTimeout(timer);
	}
}

function noSuchFile(location: string): OperationError {
	return new OperationError(
		"upstream",
		fileMissing,
		`The store has no ${location}`,
	);
}

function storeFailed(location: string, reason: string): OperationError {
	return new OperationError(
		"upstream",
		"storeFailed",
		`The store's ${location}: ${reason}`,
	);
}
