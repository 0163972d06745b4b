import { once } from "node:events";
import type { Readable } from "node:stream";
import { UpdateRefused } from "./refused.ts";

/** After that another upload may take over: the client of this one is probably gone. */
const stallMs = 15_000;

/** An upload under way, which can be ended from outside. */
export class IncomingUpload {
	readonly #ending = new AbortController();
	readonly #closed = new AbortController();
	#lastByteMs = performance.now();

	get isStalled(): boolean {
		return performance.now() - this.#lastByteMs > stallMs;
	}

	/** Resolves once it is closed. @param message for whoever sends it. */
	async end(message: string): Promise<void> {
		this.#ending.abort(new UpdateRefused("cancelled", message));
		if (!this.#closed.signal.aborted) await once(this.#closed.signal, "abort");
	}

	/** All that was received is on the disk; nothing follows. */
	close(): void {
		this.#closed.abort();
	}

	/**
	 * What comes, until it is ended. Whoever sends it gets an answer also then.
	 * @throws UpdateRefused where it was ended, or the client is gone.
	 */
	async *chunks(body: Readable): AsyncGenerator<Buffer, void> {
		const { signal } = this.#ending;
		const parts = body.iterator({ destroyOnReturn: false });
		// Not Promise.race with one promise for all: that one would keep every part in memory.
		let refuse = (_reason: unknown) => {};
		const end = () => refuse(signal.reason);
		signal.addEventListener("abort", end);
		try {
			for (;;) {
				const part = await new Promise<IteratorResult<Buffer>>(
					(resolve, reject) => {
						refuse = reject;
						if (signal.aborted) end();
						parts.next().then(resolve, (error) => reject(interrupted(error)));
					},
				);
				if (part.done) return;
				this.#lastByteMs = performance.now();
				yield part.value;
			}
		} finally {
			signal.removeEventListener("abort", end);
			void parts.return?.();
		}
	}
}

function interrupted(cause: unknown): UpdateRefused {
	return new UpdateRefused(
		"interrupted",
		"The upload was interrupted: resume it",
		{ cause },
	);
}
