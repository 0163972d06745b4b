import { createReadStream } from "node:fs";
import { isAbsolute, join } from "node:path";
import { bodyChunks } from "../../shared/download/body.ts";
import { AddressRefused, follow } from "../../shared/download/follow.ts";
import { OperationError } from "../../shared/operation-error.ts";

const stallMs = 60_000;

/** The code of the error where a store does not have a file. */
export const missing = "storeFileMissing";

/** As much of a file as was there before. */
export interface Beginning {
	bytes: number;
	/** What the server calls the file as it was then, where it calls it anything. */
	version: string | undefined;
}

export const nothingYet: Beginning = { bytes: 0, version: undefined };

/** A file from somewhere on: after the beginning, or from its first byte where it has changed. */
export interface Rest {
	start: Beginning;
	chunks: AsyncIterable<Uint8Array>;
}

/** A folder of files somewhere: `https://…`, `http://…`, or a directory of this machine. */
export class StoreSource {
	readonly #base: string;

	/** @param address of the folder, or of the apps.json in it. */
	constructor(address: string) {
		this.#base = address.replace(/\/(apps\.json)?$/, "");
	}

	/**
	 * @param path relative, made of plain names.
	 * @throws OperationError where another attempt would end alike; any other error, also while
	 * it is read, is worth one.
	 */
	async rest(
		path: string,
		beginning: Beginning,
		signal: AbortSignal,
	): Promise<Rest> {
		const where = this.#where(path);
		const stalled = new AbortController();
		const timer = setTimeout(
			() => stalled.abort(new Error("it sends nothing any more")),
			stallMs,
		);
		try {
			const { start, chunks } = isAbsolute(this.#base)
				? local(where)
				: await remote(
						where,
						beginning,
						AbortSignal.any([signal, stalled.signal]),
					);
			return { start, chunks: watched(chunks, timer) };
		} catch (error) {
			clearTimeout(timer);
			throw error;
		}
	}

	/** The whole of a small file. @throws OperationError naming it. */
	async text(
		path: string,
		mostBytes: number,
		signal: AbortSignal,
	): Promise<string> {
		try {
			const { chunks } = await this.rest(path, nothingYet, signal);
			const parts: Uint8Array[] = [];
			let bytes = 0;
			for await (const chunk of chunks) {
				bytes += chunk.length;
				if (bytes > mostBytes)
					throw new Error(`it has more than ${mostBytes} bytes`);
				parts.push(chunk);
			}
			return Buffer.concat(parts).toString("utf8");
		} catch (error) {
			throw this.refusal(path, error);
		}
	}

	/** The last word on a file, as the administrator reads it. */
	refusal(path: string, error: unknown): OperationError {
		if (error instanceof OperationError) return error;
		const { code, message } = error as NodeJS.ErrnoException;
		return code === "ENOENT"
			? noSuchFile(this.#where(path))
			: failed(this.#where(path), message);
	}

	#where(path: string): string {
		return isAbsolute(this.#base)
			? join(this.#base, path)
			: `${this.#base}/${path}`;
	}
}

function local(path: string): Rest {
	return { start: nothingYet, chunks: createReadStream(path) };
}

async function remote(
	url: string,
	{ bytes, version }: Beginning,
	signal: AbortSignal,
): Promise<Rest> {
	// Without a name for what was there before, both parts could be of different files.
	const from = version === undefined ? 0 : bytes;
	const range: Record<string, string> =
		from > 0 && version !== undefined
			? { range: `bytes=${from}-`, "if-range": version }
			: {};
	const response = await follow(url, range, signal).catch((error) => {
		throw error instanceof AddressRefused ? failed(url, error.message) : error;
	});
	const { status, headers, body } = response;
	const tag = headers.get("etag") ?? undefined;
	// A weak one does not promise the same bytes (RFC 9110, 8.8.1).
	const name = tag?.startsWith("W/") ? undefined : tag;
	if (status === 200 && body)
		return { start: { bytes: 0, version: name }, chunks: bodyChunks(body) };
	// Not all servers look at If-Range, or send the part that they are asked for.
	const isRest =
		headers.get("content-range")?.startsWith(`bytes ${from}-`) &&
		(tag === undefined || name === version);
	if (status === 206 && from > 0 && body && isRest)
		return { start: { bytes: from, version: name }, chunks: bodyChunks(body) };
	await body?.cancel();
	// Not the rest; or there is none: all is there, or the file has become shorter.
	if ((status === 206 || status === 416) && from > 0)
		return remote(url, nothingYet, signal);
	if (status === 404) throw noSuchFile(url);
	const message = `the server answers ${status}`;
	throw status >= 500 ? new Error(message) : failed(url, message);
}

async function* watched(
	chunks: AsyncIterable<Uint8Array>,
	timer: NodeJS.Timeout,
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

function noSuchFile(where: string): OperationError {
	return new OperationError("upstream", missing, `The store has no ${where}`);
}

function failed(where: string, reason: string): OperationError {
	return new OperationError(
		"upstream",
		"storeFailed",
		`The store's ${where}: ${reason}`,
	);
}
