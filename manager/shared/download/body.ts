import { PassThrough, Readable } from "node:stream";

/**
 * The bytes of an answer, and all that arrived before its line broke: a web stream that fails
 * drops what it holds unread, and a line that breaks often would never lead to the end.
 * @throws what broke it, after its last bytes.
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
	// It flows from now on, before anybody reads.
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
