import { PassThrough, type Readable } from "node:stream";

/**
 * The bytes of a response, including all that arrived before a disconnect: a failing stream
 * drops its unread bytes, so that a download over an unreliable line would never complete.
 * @throws an error with the stream's message but without errno, after its last bytes.
 */
export function bodyChunks(source: Readable): AsyncIterable<Uint8Array> {
	const received = new PassThrough();
	let failure: Error | undefined;
	source.on("error", (cause) => {
		failure = new Error(cause.message, { cause });
		received.end();
	});
	// Starts the flow before the first read.
	source.pipe(received);
	return (async function* () {
		try {
			yield* received;
			if (failure) throw failure;
		} finally {
			source.destroy();
		}
	})();
}
