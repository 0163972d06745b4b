import { statfs } from "node:fs/promises";
import { DatabaseError } from "pg";
import * as z from "zod";
import type { Database, Query } from "../../database/database.ts";
import type { ForeignDatabase } from "../../database/foreign-database.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import type { Job, Jobs } from "../../jobs/jobs.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { missingSpaceMessage } from "./clean-up-space.ts";
import { maxConnections } from "./instance-database.ts";
import type { Instance } from "./instance-table.ts";

/** For reading the list of tables. */
const listLimitMs = 90_000;
/** An owner whose functions never end, or who has countless tables, does not keep the others waiting for ever. */
const minLimitMs = 10 * 60_000;
const minBytesPerMs = 500;
const maxTables = 5_000;
/** Node's timers go off at once after a longer time. */
const maxTimerMs = 2 ** 31 - 1;
/** A table in use is skipped after this time: the lock timeout of foreign databases. */
const maxLockMs = 60_000;

export const cleanUpStatus = z.object({
	state: z.enum(["running", "done", "failed"]),
	startedAt: z.iso.datetime(),
	tables: z.int(),
	tablesDone: z.int(),
	sizeBeforeBytes: z.number(),
	/** Present once it is done. */
	sizeAfterBytes: z.number().optional(),
	/** Why it failed. */
	text: z.string().optional(),
});
export type CleanUpStatus = z.output<typeof cleanUpStatus>;

interface Table {
	/** Quoted. */
	name: string;
	/** Including its indexes. */
	sizeBytes: number;
}

/** Returns the space of deleted rows to the disk: VACUUM FULL, one database at a time. */
export class CleanUps {
	readonly #database: Database;
	readonly #ownerOf: (instance: Instance) => ForeignDatabase;
	readonly #dataDirectory: string;
	readonly #jobs: Jobs;
	readonly #log: Log;
	/** The running or last clean-up by instance id. */
	readonly #status = new Map<number, CleanUpStatus>();
	#isBusy = false;

	/**
	 * @param ownerOf returns what is needed to enter an instance's database.
	 * @param dataDirectory a directory on the databases' disk.
	 */
	constructor(
		database: Database,
		ownerOf: (instance: Instance) => ForeignDatabase,
		dataDirectory: string,
		jobs: Jobs,
		log: Log,
	) {
		this.#database = database;
		this.#ownerOf = ownerOf;
		this.#jobs = jobs;
		this.#dataDirectory = dataDirectory;
		this.#log = log;
	}

	status(id: number): CleanUpStatus | undefined {
		return this.#status.get(id);
	}

	/**
	 * Starts a clean-up in the background; `status` returns its progress.
	 * @throws OperationError if another one runs, or if there is not enough space.
	 */
	async start(instance: Instance): Promise<void> {
		if (instance.externalHost)
			throw new OperationError(
				"conflict",
				"notOurDatabase",
				"The instance's database is on another host: clean it up there",
			);
		if (this.#isBusy)
			throw new OperationError(
				"conflict",
				"cleanUpRuns",
				"Another database is being cleaned up: only one at a time",
			);
		this.#isBusy = true;
		const { databaseName } = instance;
		try {
			const owner = this.#ownerOf(instance);
			const tables = await this.#database
				.inForeignDatabase(owner, listLimitMs, tablesOf)
				.catch((error) => {
					throw toEntryError(error, owner);
				});
			await this.#assertSpace(
				Math.max(...tables.map(({ sizeBytes }) => sizeBytes)),
			);
			const status: CleanUpStatus = {
				state: "running",
				startedAt: new Date().toISOString(),
				tables: tables.length,
				tablesDone: 0,
				sizeBeforeBytes: await this.#sizeOf(databaseName),
			};
			this.#status.set(instance.id, status);
			void this.#run(owner, tables, status);
		} catch (error) {
			this.#isBusy = false;
			throw error;
		}
	}

	async #run(
		owner: ForeignDatabase,
		tables: Table[],
		status: CleanUpStatus,
	): Promise<void> {
		const subject = owner.database;
		try {
			await this.#jobs.run({ kind: "databaseCleanUp", subject }, (job) =>
				this.#cleanUp(owner, tables, status, job),
			);
			status.state = "done";
		} catch (error) {
			status.state = "failed";
			if (error instanceof OperationError) status.text = error.message;
			else {
				this.#log.warn(
					{ err: error, subject },
					"database clean-up interrupted",
				);
				status.text = "it was interrupted: see the manager's log";
			}
		} finally {
			this.#isBusy = false;
		}
	}

	/** @throws OperationError if tables were skipped. */
	async #cleanUp(
		owner: ForeignDatabase,
		tables: Table[],
		status: CleanUpStatus,
		job: Job,
	): Promise<void> {
		const databaseName = owner.database;
		const log = this.#log.child({ databaseName });
		log.info({ bytes: status.sizeBeforeBytes }, "database clean-up started");
		const limitMs =
			minLimitMs +
			status.sizeBeforeBytes / minBytesPerMs +
			tables.length * maxLockMs;
		const skipped = await this.#database.inForeignDatabase(
			owner,
			Math.min(limitMs, maxTimerMs),
			(query) => this.#rewriteTables(query, tables, status, job),
		);
		status.sizeAfterBytes = await this.#sizeOf(databaseName);
		log.info(
			{ bytes: status.sizeAfterBytes, skipped },
			"database clean-up finished",
		);
		if (skipped.length > 0)
			throw new OperationError(
				"conflict",
				"tablesSkipped",
				`these tables were skipped because they are in use or too large: ${skipped.join(", ")}`,
			);
	}

	/** @returns the names of tables that could not be rewritten. */
	async #rewriteTables(
		query: Query,
		tables: Table[],
		status: CleanUpStatus,
		job: Job,
	): Promise<string[]> {
		const skipped: string[] = [];
		for (const { name, sizeBytes } of tables) {
			if (job.signal.aborted)
				throw new OperationError("conflict", "cancelled", "it was cancelled");
			job.report({
				step: name,
				done: status.tablesDone,
				total: tables.length,
				unit: "tables",
			});
			try {
				await this.#assertSpace(sizeBytes);
				await query(`VACUUM (FULL, ANALYZE) ${name}`);
			} catch (error) {
				if (!(error instanceof OperationError) && isUnavailable(error))
					throw error;
				this.#log.warn({ err: error, table: name }, "table skipped");
				skipped.push(name);
			}
			status.tablesDone++;
		}
		return skipped;
	}

	async #assertSpace(largestTableBytes: number): Promise<void> {
		const [wal] = await this.#database.query<{ bytes: number }>(
			"SELECT pg_size_bytes(current_setting('max_wal_size'))::float8 AS bytes",
		);
		const { bavail, bsize } = await statfs(this.#dataDirectory);
		const message = missingSpaceMessage({
			largestTableBytes,
			maxWalBytes: wal?.bytes ?? 0,
			freeBytes: bavail * bsize,
		});
		if (message) throw new OperationError("noRoom", "noRoom", message);
	}

	async #sizeOf(databaseName: string): Promise<number> {
		const [size] = await this.#database.query<{ bytes: number }>(
			"SELECT pg_database_size($1)::float8 AS bytes",
			[databaseName],
		);
		return size?.bytes ?? 0;
	}
}

/** Explains why the manager cannot connect as the owner. */
function toEntryError(
	error: unknown,
	{ database, user }: ForeignDatabase,
): unknown {
	const code = error instanceof DatabaseError ? error.code : undefined;
	const reason = {
		"28P01": `the database ${database} does not accept the password of ${user}, which the app has changed: save the instance with a new database password`,
		"53300": `the app uses all of its ${maxConnections} connections: stop the instance first`,
	}[code ?? ""];
	return reason === undefined
		? error
		: new OperationError(
				"conflict",
				"cannotConnect",
				`No clean-up is possible: ${reason}`,
			);
}

/**
 * Smallest first: the space that they free helps with the large ones. Includes PostgreSQL's own tables. Runs as the
 * owner, who controls what is in the database.
 */
function tablesOf(query: Query): Promise<Table[]> {
	return query<{ name: string; sizeBytes: number }>(
		`SELECT * FROM (
			SELECT pg_catalog.format('%I.%I', nspname, relname) AS name,
				pg_catalog.pg_total_relation_size(c.oid)::pg_catalog.float8 AS "sizeBytes"
			FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace
			WHERE relkind IN ('r', 'm') AND NOT relisshared AND relpersistence <> 't'
			ORDER BY 2 DESC LIMIT ${maxTables}
		 ) AS largest ORDER BY 2`,
	);
}
