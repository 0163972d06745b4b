import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Log } from "../shared/log.ts";

const tryAgainMs = 2_000;

/**
 * Keeps HAProxy told of something: when that changes, after each start of HAProxy, and again
 * until it works.
 */
export class HaproxyFollower {
	readonly #adminSocket: string;
	readonly #tell: () => Promise<void>;
	readonly #log: Log;
	#working: Promise<void> | undefined;
	#again = false;
	#timer: NodeJS.Timeout | undefined;
	#watcher: FSWatcher | undefined;

	/** @param tell brings HAProxy up to date, whatever it knows. */
	constructor(adminSocket: string, tell: () => Promise<void>, log: Log) {
		this.#adminSocket = adminSocket;
		this.#tell = tell;
		this.#log = log;
	}

	start(): void {
		try {
			// A HAProxy that begins makes its socket anew.
			this.#watcher = watch(dirname(this.#adminSocket), (_event, name) => {
				if (name === basename(this.#adminSocket)) this.bringUpToDate();
			});
		} catch (error) {
			this.#log.warn({ err: error }, "HAProxy is not watched");
		}
		this.bringUpToDate();
	}

	async stop(): Promise<void> {
		this.#watcher?.close();
		clearTimeout(this.#timer);
		await this.#working;
		clearTimeout(this.#timer);
	}

	/** Returns at once. */
	bringUpToDate(): void {
		if (this.#working) {
			this.#again = true;
			return;
		}
		clearTimeout(this.#timer);
		this.#working = this.#tell()
			.catch((error) => {
				this.#log.warn({ err: error }, "HAProxy is told again soon");
				this.#timer = setTimeout(() => this.bringUpToDate(), tryAgainMs);
			})
			.finally(() => {
				this.#working = undefined;
				if (!this.#again) return;
				this.#again = false;
				this.bringUpToDate();
			});
	}
}
