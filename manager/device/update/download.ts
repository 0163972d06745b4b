import { bodyChunks } from "../../shared/download/body.ts";
import { AddressRefused, follow } from "../../shared/download/follow.ts";
import type { ReceivedFile } from "./received.ts";
import { UpdateRefused } from "./refused.ts";
import { mostUpdateBytes } from "./update-file.ts";

const stallMs = 60_000;

/**
 * Fetches an update file, from where the last attempt ended.
 * @param progress told of the bytes that are there, and of all where the server says it.
 * @throws UpdateRefused where another attempt would end alike; any other error is worth one.
 */
export async function download(
	url: string,
	file: ReceivedFile,
	progress: (bytes: number, totalBytes: number | undefined) => void,
	signal: AbortSignal,
): Promise<void> {
	const stalled = new AbortController();
	let timer = setTimeout(() => stalled.abort(), stallMs);
	const alive = () => {
		clearTimeout(timer);
		timer = setTimeout(
			() => stalled.abort(new Error(`${url} sends nothing any more`)),
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
		if (response.status === 416) return; // All was there already.
		if (response.status === 200) have = 0;
		const length = response.headers.get("content-length");
		const total = length === null ? undefined : have + Number(length);
		if (total !== undefined && total > mostUpdateBytes)
			throw new UpdateRefused(
				"tooLarge",
				`${url} has ${total} bytes: this is no update`,
			);
		if (response.body === null) throw new Error(`${url} gives nothing`);
		for await (const chunk of bodyChunks(response.body)) {
			alive();
			have = await file.add(have, Buffer.from(chunk));
			progress(have, total);
		}
		if (total !== undefined && have < total)
			throw new Error(`${url} ended after ${have} of ${total} bytes`);
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
	const response = await follow(url, range, signal).catch((error) => {
		throw error instanceof AddressRefused
			? new UpdateRefused("notReachable", error.message)
			: error;
	});
	const { status } = response;
	if ([200, 206, 416].includes(status)) return response;
	await response.body?.cancel();
	const message = `${url} answers ${status}`;
	if (status >= 500) throw new Error(message);
	throw new UpdateRefused("notReachable", message);
}
