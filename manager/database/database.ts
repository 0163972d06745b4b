import { Client, type ClientConfig, Pool, type QueryResultRow } from "pg";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { retryUntilDone } from "../shared/retry.ts";
import {
	type ForeignDatabase,
	foreignClient,
	foreignSettingNames,
} from "./foreign-database.ts";
import { type Migration, migrate } from "./migrate.ts";
import { DatabaseUnavailable, isUnavailable } from "./unavailable.ts";

const managerDatabase = "manager";
/** Not a superuser: see manager-role.sql. */
export const managerRole = "app_platform_manager";

/** Few, since each connection costs the server some MB. */
const maxConnections = 4;
const connectTimeoutMs = 5_000;
const queryTimeoutMs = 30_000;

/** Runs a statement and returns its rows. */
export type Query = <Row extends QueryResultRow>(
	statement: string,
	values?: unknown[],
) => Promise<Row[]>;

/**
 * The manager's database. It is migrated as soon as PostgreSQL answers; a connection that is lost later is replaced
 * at the next query. Database and role are created at PostgreSQL's start: see manager-role.sql.
 */
export class Database implements Part {
	readonly name = "database";
	readonly #server: ClientConfig;
	readonly #migrations: readonly Migration[];
	readonly #log: Log;
	readonly #pool: Pool;
	#foreignSettings: string[] | undefined;
	readonly #foreignSessions = new Set<number>();
	readonly #stopping = new AbortController();
	#preparing: Promise<void> | undefined;
	#ready = false;

	constructor(
		server: { host: string },
		migrations: readonly Migration[],
		log: Log,
	) {
		this.#migrations = migrations;
		this.#log = log;
		this.#server = {
			...{ ...server, user: managerRole },
			connectionTimeoutMillis: connectTimeoutMs,
		};
		this.#pool = new Pool({
			...this.#server,
			database: managerDatabase,
			max: maxConnections,
			statement_timeout: queryTimeoutMs,
		});
		// An idle connection failed; the pool has already dropped it.
		this.#pool.on("error", (error) =>
			log.warn({ err: error }, "lost a connection to PostgreSQL"),
		);
	}

	/** Returns at once: the manager serves its pages while PostgreSQL is unavailable. */
	start(): void {
		this.#preparing = retryUntilDone(
			() => this.#prepare(),
			(error, delayMs) =>
				this.#log.warn(
					{ err: error, delayMs },
					"the database is not ready, trying again",
				),
			this.#stopping.signal,
		).catch((error) => {
			if (!this.#stopping.signal.aborted) throw error;
		});
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#preparing;
		await this.#pool.end();
	}

	/** Runs the work once the tables are ready; its errors end the manager. */
	async whenReady(work: () => Promise<void>): Promise<void> {
		await this.#preparing;
		if (this.#ready) await work();
	}

	/**
	 * @throws DatabaseUnavailable while PostgreSQL is unavailable or the tables are not ready;
	 * DatabaseError if PostgreSQL refuses the statement.
	 */
	async query<Row extends QueryResultRow>(
		statement: string,
		values: unknown[] = [],
	): Promise<Row[]> {
		if (!this.#ready)
			throw new DatabaseUnavailable("PostgreSQL has not answered yet");
		try {
			const { rows } = await this.#pool.query<Row>(statement, values);
			return rows;
		} catch (error) {
			throw toUnavailable(error);
		}
	}

	/**
	 * Runs several statements in one transaction.
	 * @throws errors of `work` and those of `query`, after a rollback.
	 */
	async transaction<Result>(
		work: (query: Query) => Promise<Result>,
	): Promise<Result> {
		if (!this.#ready)
			throw new DatabaseUnavailable("PostgreSQL has not answered yet");
		const client = await this.#pool.connect().catch((error) => {
			throw new DatabaseUnavailable("PostgreSQL does not answer", {
				cause: error,
			});
		});
		let failure: Error | undefined;
		// The pool handles errors of idle connections only.
		const onError = (error: Error) => {
			failure = error;
		};
		client.on("error", onError);
		const query: Query = async (statement, values = []) => {
			try {
				return (await client.query(statement, values)).rows;
			} catch (error) {
				throw toUnavailable(error);
			}
		};
		try {
			await query("BEGIN");
			const result = await work(query);
			await query("COMMIT");
			return result;
		} catch (error) {
			await client.query("ROLLBACK").catch(onError);
			throw error;
		} finally {
			client.off("error", onError);
			client.release(failure);
		}
	}

	/**
	 * Runs statements in a database that somebody else can shape, as its owner: the manager's role must not enter it.
	 * @param limitMs after which the server ends the session, whatever it is doing.
	 * @throws errors of `work`; DatabaseError if the owner cannot connect; Error after the limit.
	 */
	async inForeignDatabase<Result>(
		foreign: ForeignDatabase,
		limitMs: number,
		work: (query: Query) => Promise<Result>,
	): Promise<Result> {
		this.#foreignSettings ??= await this.#knownSettings();
		const { client, socket } = foreignClient(
			this.#server,
			foreign,
			this.#foreignSettings,
		);
		let tooLate: Error | undefined;
		const timer = setTimeout(() => {
			tooLate = new Error(
				`The work in the database ${foreign.database} has taken more than ${limitMs / 1000} s`,
			);
			socket.destroy(tooLate);
		}, limitMs);
		let processId: number | undefined;
		try {
			await client.connect();
			const { rows } = await client.query<{ id: number }>(
				"SELECT pg_catalog.pg_backend_pid() AS id",
			);
			processId = rows[0]?.id;
			if (processId !== undefined) this.#foreignSessions.add(processId);
			const query: Query = async (statement, values = []) =>
				(await client.query(statement, values)).rows;
			return await work(query);
		} catch (error) {
			throw tooLate ?? error;
		} finally {
			clearTimeout(timer);
			socket.destroy();
			// The server notices a lost client only when its statement ends. A function of the owner can catch the end of a
			// statement, but not that of the session.
			if (processId !== undefined) {
				this.#foreignSessions.delete(processId);
				await this.query(
					`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
					 WHERE pid = $1 AND datname = $2 AND usename = $3`,
					[processId, foreign.database, foreign.user],
				).catch((error) =>
					this.#log.warn({ err: error }, "cannot end a session"),
				);
			}
		}
	}

	/** The server's process ids of the sessions of `inForeignDatabase`. */
	get foreignSessionIds(): number[] {
		return [...this.#foreignSessions];
	}

	/** Runs statements in one session of the manager's database, without a time limit and outside of a transaction. */
	async maintain(...statements: string[]): Promise<void> {
		await this.#withClient(async (client) => {
			for (const statement of statements) await client.query(statement);
		});
	}

	async #knownSettings(): Promise<string[]> {
		const rows = await this.query<{ name: string }>(
			// pg_settings does not list all.
			"SELECT name FROM unnest($1::text[]) AS name WHERE current_setting(name, true) IS NOT NULL",
			[foreignSettingNames],
		);
		return rows.map(({ name }) => name);
	}

	async #prepare(): Promise<void> {
		const migrations = await this.#withClient((client) =>
			migrate(client, this.#migrations),
		);
		this.#ready = true;
		this.#log.info({ migrations }, "the database is ready");
	}

	async #withClient<Result>(
		work: (client: Client) => Promise<Result>,
	): Promise<Result> {
		const client = new Client({ ...this.#server, database: managerDatabase });
		client.on("error", () => {}); // The running query fails as well and reports it.
		try {
			await client.connect();
			return await work(client);
		} finally {
			await client.end().catch(() => {});
		}
	}
}

/** @returns the error itself if PostgreSQL refuses the statement. */
function toUnavailable(error: unknown): unknown {
	if (!isUnavailable(error)) return error;
	return new DatabaseUnavailable("PostgreSQL does not answer", {
		cause: error,
	});
}
