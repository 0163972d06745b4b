import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import {
	failedPrecondition,
	isRangeWanted,
	type Version,
} from "./preconditions.ts";

/** Content that is sent over HTTP, as a whole or one range of it. */
export interface Content {
	version: Version;
	type: string;
	/** The content coding, if the bytes are compressed. */
	encoding?: string | undefined;
	sizeBytes: number;
	/** @param first and @param last byte, both inclusive. */
	read(first: number, last: number): AsyncIterable<Buffer>;
}

/**
 * Answers GET and HEAD as RFC 9110 says: conditions, one range, and the bytes as a stream. Headers
 * already set on the response are kept.
 * @throws Error if the bytes cannot be read, but not if the client disconnects.
 */
export async function sendContent(
	{ method, headers }: IncomingMessage,
	response: ServerResponse,
	{ version, type, encoding, sizeBytes, read }: Content,
): Promise<void> {
	if (version.etag) response.setHeader("etag", version.etag);
	response.setHeader("last-modified", version.modified.toUTCString());
	response.setHeader("accept-ranges", "bytes");
	response.setHeader("x-content-type-options", "nosniff");
	const failed = failedPrecondition(headers, version, true);
	if (failed) return void response.writeHead(failed).end();
	const range =
		method === "GET" && isRangeWanted(headers, version)
			? parseRange(headers.range, sizeBytes)
			: undefined;
	if (range === "none")
		return void response
			.writeHead(416, { "content-range": `bytes */${sizeBytes}` })
			.end();
	const { first, last } = range ?? { first: 0, last: sizeBytes - 1 };
	response.writeHead(range ? 206 : 200, {
		"content-type": type,
		"content-length": last - first + 1,
		...(encoding && { "content-encoding": encoding }),
		...(range && { "content-range": `bytes ${first}-${last}/${sizeBytes}` }),
	});
	if (method === "HEAD" || sizeBytes === 0) return void response.end();
	await pipeline(complete(read(first, last), last - first + 1), response).catch(
		(error: NodeJS.ErrnoException) => {
			// The client has disconnected.
			if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
		},
	);
}

/** Fails if the size differs from the content-length, so that the client does not wait for the rest. */
async function* complete(
	chunks: AsyncIterable<Buffer>,
	sizeBytes: number,
): AsyncGenerator<Buffer> {
	let sent = 0;
	for await (const chunk of chunks) {
		sent += chunk.length;
		yield chunk;
	}
	if (sent !== sizeBytes)
		throw new Error(`read ${sent} bytes instead of ${sizeBytes}`);
}

/** Both ends are inclusive. */
interface ByteRange {
	first: number;
	last: number;
}

/**
 * @param header `Range`, RFC 9110, 14.1.2. Several ranges are ignored, as a server may.
 * @returns undefined if the whole content is to be sent, "none" if the range is not satisfiable.
 */
export function parseRange(
	header: string | undefined,
	sizeBytes: number,
): ByteRange | "none" | undefined {
	const [, from, to] = /^bytes=(\d*)-(\d*)$/i.exec(header ?? "") ?? [];
	if (from === undefined || to === undefined || from + to === "")
		return undefined;
	const end = sizeBytes - 1;
	const range =
		from === ""
			? { first: Math.max(0, sizeBytes - Number(to)), last: end }
			: { first: Number(from), last: Math.min(end, Number(to || end)) };
	if (from !== "" && to !== "" && Number(from) > Number(to)) return undefined;
	return range.first > range.last ? "none" : range;
}
