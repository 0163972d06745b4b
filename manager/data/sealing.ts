import { Mutex } from "async-mutex";
import { type Alarms, managerCodes } from "../alarms/alarms.ts";
import type { Database, Query } from "../database/database.ts";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { retryUntilDone } from "../shared/retry.ts";
import type { Scheduler } from "../shared/scheduler.ts";
import { isSealed, sealedWith, sealText } from "../shared/seal.ts";
import { placeOf, type SecretColumn, type Secrets } from "../shared/secrets.ts";

/** A row of `config`: PostgreSQL's files still contain secrets as they were before. */
const remainsName = "secretRemains";
/** A dump of the database may hold a lock for long, and who waits for one stops all others. */
const lockTimeout = "2s";

interface Stored {
	row: string;
	text: string;
}

/**
 * Seals the secrets in the manager's database: those of systems that did not seal, and those that somebody writes
 * with `psql`. Raises an alarm while some cannot be read, and leaves those as they are.
 */
export class Sealing implements Part {
	readonly name = "sealing of secrets";
	readonly #database: Database;
	readonly #secrets: Secrets;
	readonly #columns: readonly SecretColumn[];
	readonly #alarms: Alarms;
	readonly #log: Log;
	readonly #mutex = new Mutex();
	readonly #stopping = new AbortController();

	/** @param columns everything that contains secrets. */
	constructor(
		database: Database,
		secrets: Secrets,
		columns: readonly SecretColumn[],
		alarms: Alarms,
		scheduler: Scheduler,
		log: Log,
	) {
		this.#database = database;
		this.#secrets = secrets;
		this.#columns = columns;
		this.#alarms = alarms;
		this.#log = log;
		scheduler.everyMinute(this.name, () => this.#update());
	}

	start(): void {}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#mutex.waitForUnlock();
	}

	/** Seals from now on: no older system is going to read the database. Returns at once. */
	begin(): void {
		this.#secrets.isSealing = true;
		void retryUntilDone(
			() => this.#update(),
			(error) =>
				this.#log.warn({ err: error }, "cannot seal secrets; retrying"),
			this.#stopping.signal,
		).catch(() => {}); // The manager stops.
	}

	/** Unseals whatever can be read, for an older system; until `begin` or the next start. @throws DatabaseUnavailable */
	end(): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			this.#secrets.isSealing = false;
			const read = await this.#secrets.reader();
			await this.#database.transaction(async (query) => {
				for (const column of this.#columns)
					for (const { row, text } of await storedIn(
						query,
						column,
						"",
						"FOR UPDATE",
					)) {
						const secret = read(text, placeOf(column, row));
						if (isSealed(text) && secret !== undefined)
							await replace(query, column, row, secret);
					}
			});
			this.#log.warn(
				"secrets in the database are unsealed, for an older system",
			);
		});
	}

	#update(): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			if (this.#secrets.isSealing) await this.#sealAll();
			const areReadable = await this.#updateAlarm();
			if (!this.#secrets.isSealing) return;
			// Else it may still be needed: somebody has perhaps mistaken the file.
			if (areReadable) await this.#secrets.key.deleteOld();
			await this.#deleteRemains().catch((error) =>
				this.#log.warn(
					{ err: error },
					"cannot overwrite deleted secrets; retrying in a minute",
				),
			);
		});
	}

	/** Also seals again what the old key has sealed. */
	async #sealAll(): Promise<void> {
		const hasOldKey = (await this.#secrets.key.old()) !== undefined;
		if (!hasOldKey && !(await this.#hasPlainText())) return;
		const key = await this.#secrets.key.currentOrNew();
		const read = await this.#secrets.reader();
		const sealed = await this.#database.transaction(async (query) => {
			let count = 0;
			for (const column of this.#columns)
				for (const { row, text } of await storedIn(
					query,
					column,
					sealedWith(key),
					"FOR UPDATE",
				)) {
					const place = placeOf(column, row);
					const secret = read(text, place);
					if (secret === undefined) continue;
					await replace(query, column, row, sealText(secret, key, place));
					count += 1;
				}
			if (count > 0)
				await query(
					"INSERT INTO config (name, value) VALUES ($1, 'true') ON CONFLICT DO NOTHING",
					[remainsName],
				);
			return count;
		});
		if (sealed > 0) this.#log.info({ secrets: sealed }, "secrets sealed");
	}

	async #hasPlainText(): Promise<boolean> {
		for (const column of this.#columns) {
			const stored = await storedIn(this.#query, column, "sealed:");
			if (stored.some(({ text }) => !isSealed(text))) return true;
		}
		return false;
	}

	/** @returns whether all secrets can be read. */
	async #updateAlarm(): Promise<boolean> {
		const read = await this.#secrets.reader();
		const unreadable = new Set<string>();
		for (const column of this.#columns)
			for (const { row, text } of await storedIn(this.#query, column, ""))
				if (read(text, placeOf(column, row)) === undefined)
					unreadable.add(column.title);
		const code = managerCodes.secretsUnreadable;
		if (unreadable.size === 0) {
			this.#alarms.clear({}, code);
			return true;
		}
		const { file } = this.#secrets.key;
		this.#alarms.raise({
			code,
			severity: "major",
			text: `Stored secrets cannot be read (${[...unreadable].join(", ")}): this machine's key ${file} is missing or another one, or somebody has changed them. Copy the file from a backup to ${file}.old, or enter the secrets again.`,
		});
		return false;
	}

	/** Overwrites what was deleted in the tables, and in the statistics of their contents. */
	async #deleteRemains(): Promise<void> {
		const rows = await this.#query("SELECT FROM config WHERE name = $1", [
			remainsName,
		]);
		if (rows.length === 0) return;
		const tables = new Set(this.#columns.map(({ table }) => table));
		await this.#database.maintain(
			`SET lock_timeout = '${lockTimeout}'`,
			...[...tables].map((table) => `VACUUM (FULL, ANALYZE) ${table}`),
			"VACUUM FULL pg_catalog.pg_statistic",
		);
		await this.#query("DELETE FROM config WHERE name = $1", [remainsName]);
	}

	readonly #query: Query = (statement, values) =>
		this.#database.query(statement, values);
}

/** Returns what is stored in a column, except what begins with `prefix`. @param lock keeps others from changing it. */
async function storedIn(
	query: Query,
	{ table, key, column, isJson, row }: SecretColumn,
	prefix: string,
	lock: "" | "FOR UPDATE" = "",
): Promise<Stored[]> {
	const text = isJson ? `${column} #>> '{}'` : column;
	return query<{ row: string; text: string }>(
		`SELECT ${key}::text AS row, ${text} AS text FROM ${table}
		 WHERE ($1 = '' OR NOT starts_with(${text}, $1))
			AND ($2::text IS NULL OR ${key}::text = $2) ${lock}`,
		[prefix, row ?? null],
	);
}

async function replace(
	query: Query,
	{ table, key, column, isJson }: SecretColumn,
	row: string,
	text: string,
): Promise<void> {
	const value = isJson && isSealed(text) ? JSON.stringify(text) : text;
	await query(`UPDATE ${table} SET ${column} = $2 WHERE ${key}::text = $1`, [
		row,
		value,
	]);
}
