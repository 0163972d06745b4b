import { Client, type ClientConfig, Pool, type QueryResultRow } from "pg";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { retryUntilDone } from "../shared/retry.ts";
import { type Migration, migrate } from "./migrate.ts";
import { DatabaseUnavailable, isUnavailable } from "./unavailable.ts";

export const managerDatabase = "manager";

/** Few connections: each costs the server some MB. */
const mostConnections = 4;
const connectLimitMs = 5_000;
const queryLimitMs = 30_000;

/** A statement and its rows. */
export type Query = <Row extends QueryResultRow>(
	statement: string,
	values?: unknown[],
) => Promise<Row[]>;

/**
 * The manager's own database. It is made when missing and brought up to date as soon as
 * PostgreSQL answers; a connection that is lost later is replaced at the next query.
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
		this.#server = { ...server, connectionTimeoutMillis: connectLimitMs };
		this.#pool = new Pool({
			...this.#server,
			database: managerDatabase,
			max: mostConnections,
			statement_timeout: queryLimitMs,
		});
		// An idle connection broke. The pool has dropped it already.
		this.#pool.on("error", (error) =>
			log.warn({ err: error }, "lost a connection to PostgreSQL"),
		);
	}

	/** Returns at once: the manager serves its pages while PostgreSQL is away. */
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

	/** Does something once its tables are there; what it throws ends the manager. */
	async whenReady(work: () => Promise<void>): Promise<void> {
		await this.#preparing;
		if (this.#ready) await work();
	}

	/**
	 * @throws DatabaseUnavailable while PostgreSQL is away or the tables are not ready;
	 * DatabaseError when PostgreSQL refuses the statement.
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
			throw asUnavailable(error);
		}
	}

	/**
	 * Several statements that count together or not at all.
	 * @throws what `work` throws, and as `query` does; nothing has changed then.
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
		let broken: Error | undefined;
		// The pool listens only while nobody has the connection.
		const lost = (error: Error) => {
			broken = error;
		};
		client.on("error", lost);
		const query: Query = async (statement, values = []) => {
			try {
				return (await client.query(statement, values)).rows;
			} catch (error) {
				throw asUnavailable(error);
			}
		};
		try {
			await query("BEGIN");
			const result = await work(query);
			await query("COMMIT");
			return result;
		} catch (error) {
			await client.query("ROLLBACK").catch((problem) => {
				broken = problem;
			});
			throw error;
		} finally {
			client.off("error", lost);
			client.release(broken);
		}
	}

	/** One statement in another database of the cluster. */
	async queryIn(database: string, statement: string): Promise<void> {
		await this.inDatabase(database, (query) => query(statement));
	}

	/** Several statements on one connection to another database, which may take their time. */
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
		client.on("error", () => {}); // The query that is under way fails as well and tells.
		try {
			await client.connect();
			return await work(client);
		} finally {
			await client.end().catch(() => {});
		}
	}
}

/** @returns the error itself where PostgreSQL refuses the statement. */
function asUnavailable(error: unknown): unknown {
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
