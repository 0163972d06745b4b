import { Mutex } from "async-mutex";
import * as z from "zod";
import type { Database } from "../../database/database.ts";
import type { Config } from "../../settings/config.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { retryUntilDone } from "../../shared/retry.ts";

const settingName = "dnsName";

/** By which name people reach this machine, where it has one: services are told. */
export class DnsName implements Part {
	readonly name = "DNS name";
	readonly #database: Database;
	readonly #config: Config;
	readonly #changed: (dnsName: string | undefined) => void;
	readonly #log: Log;
	/** What is stored is what was told last. */
	readonly #mutex = new Mutex();
	readonly #stopping = new AbortController();

	/** @param changed told of the name at the start, and of each change. */
	constructor(
		database: Database,
		config: Config,
		changed: (dnsName: string | undefined) => void,
		log: Log,
	) {
		this.#database = database;
		this.#config = config;
		this.#changed = changed;
		this.#log = log;
	}

	start(): void {
		void this.#database.whenReady(
			() =>
				retryUntilDone(
					() =>
						this.#mutex.runExclusive(async () =>
							this.#changed(await this.read()),
						),
					(error) =>
						this.#log.error({ err: error }, "no DNS name is known yet"),
					this.#stopping.signal,
				).catch(() => {}), // Stopped while it waited.
		);
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#mutex.waitForUnlock();
	}

	/** @throws DatabaseUnavailable */
	read(): Promise<string | undefined> {
		return this.#config.read(settingName, z.string());
	}

	/** @param dnsName undefined for none. @throws DatabaseUnavailable */
	set(dnsName: string | undefined): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			if (dnsName === undefined) await this.#config.remove(settingName);
			else await this.#config.write(settingName, dnsName);
			this.#changed(dnsName);
			this.#log.info({ dnsName }, "the DNS name has changed");
		});
	}
}
