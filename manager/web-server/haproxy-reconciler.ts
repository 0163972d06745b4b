import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Log } from "../shared/log.ts";

const retryDelayMs = 2_000;

/** Updates HAProxy when something changes and after each start of HAProxy, and retries until it succeeds. */
export class HaproxyReconciler {
	readonly #adminSocket: string;
	readonly #update: () => Promise<void>;
	readonly #log: Log;
	#running: Promise<void> | undefined;
	#isRequested = false;
	#timer: NodeJS.Timeout | undefined;
	#watcher: FSWatcher | undefined;

	/** @param update brings HAProxy from whatever state it is in to the wanted one. */
	constructor(adminSocket: string, update: () => Promise<void>, log: Log) {
		this.#adminSocket = adminSocket;
		this.#update = update;
		this.#log = log;
	}

	start(): void {
		try {
			// HAProxy creates its socket at each start.
			this.#watcher = watch(dirname(this.#adminSocket), (_event, name) => {
				if (name === basename(this.#adminSocket)) this.requestUpdate();
			});
		} catch (error) {
			this.#log.warn(
				{ err: error },
				"cannot watch HAProxy's socket; HAProxy is not updated after its restarts",
			);
		}
		this.requestUpdate();
	}

	async stop(): Promise<void> {
		this.#watcher?.close();
		clearTimeout(this.#timer);
		await this.#running;
		clearTimeout(this.#timer);
	}

	/** Returns immediately. */
	requestUpdate(): void {
		if (this.#running) {
			this.#isRequested = true;
			return;
		}
		clearTimeout(this.#timer);
		this.#running = this.#update()
			.catch((error) => {
				this.#log.warn({ err: error }, "HAProxy update failed; retrying");
				this.#timer = setTimeout(() => this.requestUpdate(), retryDelayMs);
			})
			.finally(() => {
				this.#running = undefined;
				if (!this.#isRequested) return;
				this.#isRequested = false;
				this.requestUpdate();
			});
	}
}
