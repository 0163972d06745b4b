import { EventEmitter } from "node:events";
import { Mutex } from "async-mutex";
import type { Database } from "../database/database.ts";
import type { Changes } from "../operations/operation.ts";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { OperationError } from "../shared/operation-error.ts";
import { retryUntilDone } from "../shared/retry.ts";
import type { ConfigTable } from "./config-table.ts";
import {
	type Setting,
	type SettingName,
	type SettingValues,
	settingsTable,
} from "./settings-table.ts";

type Listener<Name extends SettingName> = (value: SettingValues[Name]) => void;

/** The settings of settingsTable: reads, stores and announces them. */
export class Settings implements Part {
	readonly name = "settings";
	readonly changes: Changes = new EventEmitter();
	readonly #config: ConfigTable;
	readonly #database: Database;
	readonly #defaults: Partial<SettingValues>;
	readonly #log: Log;
	readonly #listeners: [SettingName, (value: never) => void][] = [];
	/** Listeners receive values in the order in which they are stored. */
	readonly #mutex = new Mutex();
	readonly #stopping = new AbortController();

	/** @param defaults override those of the table. */
	constructor(
		config: ConfigTable,
		database: Database,
		defaults: Partial<SettingValues>,
		log: Log,
	) {
		this.#config = config;
		this.#database = database;
		this.#defaults = defaults;
		this.#log = log;
	}

	start(): void {
		void this.#database.whenReady(
			() =>
				retryUntilDone(
					() => this.#mutex.runExclusive(() => this.#announceAll()),
					(error) =>
						this.#log.error(
							{ err: error },
							"cannot read the settings; retrying",
						),
					this.#stopping.signal,
				).catch(() => {}), // The manager stops.
		);
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#mutex.waitForUnlock();
	}

	/** @throws DatabaseUnavailable; an Error if the stored value does not match the schema. */
	async get<Name extends SettingName>(
		name: Name,
	): Promise<SettingValues[Name]> {
		const { schema, default: value } = settingsTable[name];
		const stored = await this.#config.read(name, schema);
		return (stored ?? this.#defaults[name] ?? value) as SettingValues[Name];
	}

	/** @param value matches the schema; null restores the default. @throws DatabaseUnavailable, OperationError */
	set<Name extends SettingName>(
		name: Name,
		value: SettingValues[Name],
	): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			const { differsFrom }: Setting = settingsTable[name];
			if (differsFrom && value && value === (await this.get(differsFrom)))
				throw new OperationError(
					"conflict",
					"nameInUse",
					`${value} is already the ${differsFrom === "dnsName" ? "DNS name, which leads to apps" : "host name of the manager alone"}. Enter another name.`,
				);
			if (value === null) await this.#config.delete(name);
			else await this.#config.write(name, value);
			this.#log.info({ setting: name, value }, "setting changed");
			this.#announce(name, value);
			this.changes.emit("change");
		});
	}

	/** @param listener is called with the value at the start and after each change. */
	watch<Name extends SettingName>(name: Name, listener: Listener<Name>): void {
		this.#listeners.push([name, listener]);
	}

	async #announceAll(): Promise<void> {
		for (const name of new Set(this.#listeners.map(([name]) => name)))
			this.#announce(name, await this.get(name));
	}

	#announce<Name extends SettingName>(
		name: Name,
		value: SettingValues[Name],
	): void {
		for (const [watched, listener] of this.#listeners)
			if (watched === name) (listener as Listener<Name>)(value);
	}
}
