import { once } from "node:events";
import type { Readable } from "node:stream";
import { UpdateError } from "./update-error.ts";

/** After this time another upload may take over: the client is probably gone. */
const stallMs = 15_000;

/** An upload in progress, which can be aborted from outside. */
export class IncomingUpload {
	readonly #aborting = new AbortController();
	readonly #closed = new AbortController();
	#lastByteMs = performance.now();

	get isStalled(): boolean {
		return performance.now() - this.#lastByteMs > stallMs;
	}

	/** Resolves when the upload is closed. @param message for the client. */
	async abort(message: string): Promise<void> {
		this.#aborting.abort(new UpdateError("cancelled", message));
		if (!this.#closed.signal.aborted) await once(this.#closed.signal, "abort");
	}

	/** Called when everything received is on the disk. */
	close(): void {
		this.#closed.abort();
	}

	/**
	 * Yields the body. It leaves the request open, so that the client gets an answer after an abort too.
	 * @param onProgress gets the number of bytes yielded so far.
	 * @throws UpdateError if the upload is aborted or the client disconnects.
	 */
	async *chunks(
		body: Readable,
		onProgress: (bytes: number) => void,
	): AsyncGenerator<Buffer, void> {
		const { signal } = this.#aborting;
		let bytes = 0;
		const parts = body.iterator({ destroyOnReturn: false });
		// Promise.race with one long-lived promise would keep every part in memory.
		let rejectPart = (_reason: unknown) => {};
		const onAbort = () => rejectPart(signal.reason);
		signal.addEventListener("abort", onAbort);
		try {
			for (;;) {
				const part = await new Promise<IteratorResult<Buffer>>(
					(resolve, reject) => {
						rejectPart = reject;
						if (signal.aborted) onAbort();
						parts.next().then(resolve, (error) => reject(interrupted(error)));
					},
				);
				if (part.done) return;
				this.#lastByteMs = performance.now();
				bytes += part.value.length;
				onProgress(bytes);
				yield part.value;
			}
		} finally {
			signal.removeEventListener("abort", onAbort);
			void parts.return?.();
		}
	}
}

function interrupted(cause: unknown): UpdateError {
	return new UpdateError(
		"interrupted",
		"The upload was interrupted: resume it",
		{ cause },
	);
}
