import type { IncomingHttpHeaders } from "node:http";
import { bodyChunks } from "./body-chunks.ts";
import { DownloadRefused, followRedirects } from "./follow-redirects.ts";

const stallMs = 60_000;

/** A file with an older date cannot have changed again within the date's second (RFC 9110, 8.8.2.2). */
const minAgeMs = 60_000;

/** The part of a file that has been received. */
export interface PartialFile {
	bytes: number;
	/**
	 * The strong validator with which the server sent that part: an entity tag, or a date. A download without one
	 * cannot be resumed, because the two parts could belong to different files.
	 */
	validator: string | undefined;
}

export const emptyFile: PartialFile = { bytes: 0, validator: undefined };

/** What is missing of a file. */
export interface Remainder {
	/** The part that is still valid: empty if the file has changed. */
	start: PartialFile;
	/** The size of the whole file, if the server sends it. */
	totalBytes: number | undefined;
	chunks: AsyncIterable<Uint8Array>;
}

/** Where a file is kept while it is downloaded. */
export interface DownloadTarget {
	/** Returns what has been received, also before a restart of the manager. */
	received(): Promise<PartialFile>;
	/**
	 * Deletes all bytes after this part, and only then stores its validator: old bytes must not have a new validator,
	 * not even after a power cut.
	 */
	keep(part: PartialFile): Promise<void>;
	write(chunk: Uint8Array, position: number): Promise<void>;
}

/**
 * Downloads what is missing of a file, in one attempt. Starts over if the file has changed.
 * @param request asks for what is missing, as `requestRemainder` does.
 * @param onProgress called with the bytes received and the size of the file, before the first chunk and after each.
 * @throws the error of `request`, `onProgress` or the target; if the server is silent for 60 s or the file is
 * truncated; or the signal's reason. What was received stays in the target.
 */
export async function download(
	request: (received: PartialFile, signal: AbortSignal) => Promise<Remainder>,
	to: DownloadTarget,
	onProgress: (bytes: number, totalBytes: number | undefined) => void,
	signal: AbortSignal,
): Promise<void> {
	const ending = new AbortController();
	const timer = setTimeout(
		() =>
			ending.abort(
				new Error(`the server has sent nothing for ${stallMs / 1000} s`),
			),
		stallMs,
	);
	try {
		const { start, totalBytes, chunks } = await request(
			await to.received(),
			AbortSignal.any([signal, ending.signal]),
		);
		let { bytes } = start;
		onProgress(bytes, totalBytes);
		await to.keep(start);
		for await (const chunk of chunks) {
			signal.throwIfAborted();
			timer.refresh();
			await to.write(chunk, bytes);
			bytes += chunk.length;
			onProgress(bytes, totalBytes);
		}
		if (totalBytes !== undefined && bytes < totalBytes)
			throw new Error(
				`the file was truncated after ${bytes} of ${totalBytes} bytes`,
			);
	} finally {
		clearTimeout(timer);
		ending.abort();
	}
}

/**
 * Requests what is missing of a file on a web server.
 * @throws DownloadRefused if retrying is pointless; any other error, also while reading the chunks, is worth a retry.
 */
export async function requestRemainder(
	url: string,
	received: PartialFile,
	signal: AbortSignal,
): Promise<Remainder> {
	const { bytes, validator } = received;
	const isResuming = bytes > 0 && validator !== undefined;
	const range: Record<string, string> = isResuming
		? { range: `bytes=${bytes}-`, "if-range": validator }
		: {};
	const response = await followRedirects(url, range, signal);
	const { statusCode: status = 0, headers } = response;
	if (status === 200)
		return {
			start: { bytes: 0, validator: strongValidator(headers) },
			totalBytes: sizeOf(headers["content-length"]),
			chunks: bodyChunks(response),
		};
	if (isResuming && isUnchanged(headers, validator)) {
		// Some servers send a different range than requested.
		const [, sent, size] =
			/^bytes (\d+-|\*\/)\S*?(\d+|\*)$/.exec(headers["content-range"] ?? "") ??
			[];
		if (status === 206 && sent === `${bytes}-`)
			return {
				start: received,
				totalBytes: sizeOf(size),
				chunks: bodyChunks(response),
			};
		if (status === 416 && sent === "*/" && Number(size) === bytes) {
			response.destroy();
			return { start: received, totalBytes: bytes, chunks: noChunks() };
		}
	}
	response.destroy();
	// A wrong range, or one of another file; or the file has become shorter.
	if (isResuming && (status === 206 || status === 416))
		return requestRemainder(url, emptyFile, signal);
	const message = `the server answers ${status}`;
	throw status >= 500
		? new Error(message)
		: new DownloadRefused(message, status);
}

/** Returns the entity tag, else the date, if it identifies the bytes of the file (RFC 9110, 8.8). */
function strongValidator(headers: IncomingHttpHeaders): string | undefined {
	const { etag, date = "", "last-modified": modified = "" } = headers;
	if (etag !== undefined) return etag.startsWith("W/") ? undefined : etag;
	const ageMs = Date.parse(date) - Date.parse(modified);
	return ageMs >= minAgeMs ? modified : undefined;
}

/** Some servers ignore If-Range. */
function isUnchanged(headers: IncomingHttpHeaders, validator: string): boolean {
	const name = validator.startsWith('"') ? "etag" : "last-modified";
	const current = headers[name];
	return current === undefined || current === validator;
}

function sizeOf(text: string | undefined): number | undefined {
	return /^\d+$/.test(text ?? "") ? Number(text) : undefined;
}

async function* noChunks(): AsyncGenerator<Uint8Array> {}
