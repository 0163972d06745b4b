import { Client, type ClientConfig, Pool, type QueryResultRow } from "pg";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { retryUntilDone } from "../shared/retry.ts";
import { type Migration, migrate } from "./migrate.ts";
import { DatabaseUnavailable, isUnavailable } from "./unavailable.ts";

export const managerDatabase = "manager";

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
 * The manager's database. It is created if missing and migrated as soon as PostgreSQL answers;
 * a connection that is lost later is replaced at the next query.
 */
export class Database implements Part {
	readonly name = "database";
	readonly #server: ClientConfig;
	readonly #migrations: readonly Migration[];
	readonly #log: Log;
	readonly #pool: Pool;
	readonly #stopping = new AbortController();
	#preparing: Promise<void> | undefined;
	#ready = false;

	constructor(
		server: { host: string; user: string },
		migrations: readonly Migration[],
		log: Log,
	) {
		this.#migrations = migrations;
		this.#log = log;
		this.#server = { ...server, connectionTimeoutMillis: connectTimeoutMs };
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

	/** Runs one statement in another database of the cluster. */
	async queryIn(database: string, statement: string): Promise<void> {
		await this.inDatabase(database, (query) => query(statement));
	}

	/** Runs several statements on one connection to another database, without a time limit. */
	inDatabase<Result>(
		database: string,
		work: (query: Query) => Promise<Result>,
	): Promise<Result> {
		return this.#withClient(database, (client) =>
			work(
				async (statement, values = []) =>
					(await client.query(statement, values)).rows,
			),
		);
	}

	async #prepare(): Promise<void> {
		await this.#withClient("postgres", createDatabaseIfMissing);
		const migrations = await this.#withClient(managerDatabase, (client) =>
			migrate(client, this.#migrations),
		);
		this.#ready = true;
		this.#log.info({ migrations }, "the database is ready");
	}

	async #withClient<Result>(
		database: string,
		work: (client: Client) => Promise<Result>,
	): Promise<Result> {
		const client = new Client({ ...this.#server, database });
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

async function createDatabaseIfMissing(client: Client): Promise<void> {
	const { rowCount } = await client.query(
		"SELECT FROM pg_database WHERE datname = $1",
		[managerDatabase],
	);
	if (rowCount === 0) await client.query(`CREATE DATABASE ${managerDatabase}`);
}
