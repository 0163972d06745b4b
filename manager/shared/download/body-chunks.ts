import { PassThrough, Readable } from "node:stream";

/**
 * The bytes of a response, including all that arrived before a disconnect: a failing web stream
 * drops its unread bytes, so that a download over an unreliable line would never complete.
 * @throws the stream's error, after its last bytes.
 */
export function bodyChunks(
	body: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
	const source = Readable.from(body);
	const received = new PassThrough();
	let failure: Error | undefined;
	source.on("error", (error) => {
		failure = error;
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
