import { bodyChunks } from "../../shared/download/body-chunks.ts";
import {
	followRedirects,
	RedirectRefused,
} from "../../shared/download/follow-redirects.ts";
import type { ReceivedFile } from "./received-file.ts";
import { UpdateError } from "./update-error.ts";
import { maxUpdateBytes } from "./update-file.ts";

const stallMs = 60_000;

/**
 * Downloads an update file; resumes where the last attempt ended.
 * @param onProgress gets the bytes received, and the size of the file if the server sends it.
 * @throws UpdateError if retrying would not help; retry after any other error.
 */
export async function download(
	url: string,
	file: ReceivedFile,
	onProgress: (bytes: number, totalBytes: number | undefined) => void,
	signal: AbortSignal,
): Promise<void> {
	const stalled = new AbortController();
	let timer = setTimeout(() => stalled.abort(), stallMs);
	const onData = () => {
		clearTimeout(timer);
		timer = setTimeout(
			() =>
				stalled.abort(
					new Error(`${url} has sent nothing for ${stallMs / 1000} s`),
				),
			stallMs,
		);
	};
	try {
		let have = await file.size();
		const response = await get(
			url,
			have,
			AbortSignal.any([signal, stalled.signal]),
		);
		if (response.status === 416) return; // The file is already complete.
		if (response.status === 200) have = 0;
		const length = response.headers.get("content-length");
		const total = length === null ? undefined : have + Number(length);
		if (total !== undefined && total > maxUpdateBytes)
			throw new UpdateError(
				"tooLarge",
				`${url} has ${total} bytes, an update has at most ${maxUpdateBytes}`,
			);
		if (response.body === null) throw new Error(`${url} returned no content`);
		for await (const chunk of bodyChunks(response.body)) {
			onData();
			have = await file.add(have, Buffer.from(chunk));
			onProgress(have, total);
		}
		if (total !== undefined && have < total)
			throw new Error(`${url} was truncated after ${have} of ${total} bytes`);
	} finally {
		clearTimeout(timer);
	}
}

async function get(
	url: string,
	have: number,
	signal: AbortSignal,
): Promise<Response> {
	const range: Record<string, string> =
		have > 0 ? { range: `bytes=${have}-` } : {};
	const response = await followRedirects(url, range, signal).catch((error) => {
		throw error instanceof RedirectRefused
			? new UpdateError("notReachable", error.message)
			: error;
	});
	const { status } = response;
	if ([200, 206, 416].includes(status)) return response;
	await response.body?.cancel();
	const message = `${url} answers ${status}`;
	if (status >= 500) throw new Error(message);
	throw new UpdateError("notReachable", message);
}
