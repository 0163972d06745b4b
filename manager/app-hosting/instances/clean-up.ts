import { statfs } from "node:fs/promises";
import * as z from "zod";
import type { Database, Query } from "../../database/database.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { missingSpaceMessage } from "./clean-up-space.ts";
import type { Instance } from "./instance-table.ts";

/** How long a clean-up waits for a table that is in use. */
const lockTimeout = "60s";

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
	readonly #dataDirectory: string;
	readonly #log: Log;
	/** The running or last clean-up by instance id. */
	readonly #status = new Map<number, CleanUpStatus>();
	#isBusy = false;

	/** @param dataDirectory a directory on the databases' disk. */
	constructor(database: Database, dataDirectory: string, log: Log) {
		this.#database = database;
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
			const tables = await this.#database.inDatabase(databaseName, tablesOf);
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
			void this.#cleanUp(databaseName, tables, status);
		} catch (error) {
			this.#isBusy = false;
			throw error;
		}
	}

	async #cleanUp(
		databaseName: string,
		tables: Table[],
		status: CleanUpStatus,
	): Promise<void> {
		const log = this.#log.child({ databaseName });
		log.info({ bytes: status.sizeBeforeBytes }, "database clean-up started");
		try {
			const skipped = await this.#database.inDatabase(databaseName, (query) =>
				this.#rewriteTables(query, tables, status),
			);
			status.sizeAfterBytes = await this.#sizeOf(databaseName);
			status.state = skipped.length === 0 ? "done" : "failed";
			if (skipped.length > 0)
				status.text = `these tables were skipped because they are in use or too large: ${skipped.join(", ")}`;
			log.info(
				{ bytes: status.sizeAfterBytes, skipped },
				"database clean-up finished",
			);
		} catch (error) {
			log.warn({ err: error }, "database clean-up interrupted");
			status.state = "failed";
			status.text = "it was interrupted: see the manager's log";
		} finally {
			this.#isBusy = false;
		}
	}

	/** @returns the names of tables that could not be rewritten. */
	async #rewriteTables(
		query: Query,
		tables: Table[],
		status: CleanUpStatus,
	): Promise<string[]> {
		const skipped: string[] = [];
		await query(`SET lock_timeout = '${lockTimeout}'`);
		for (const { name, sizeBytes } of tables) {
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

/** Smallest first: the space that they free helps with the large ones. Includes PostgreSQL's own tables. */
function tablesOf(query: Query): Promise<Table[]> {
	return query<{ name: string; sizeBytes: number }>(
		`SELECT format('%I.%I', nspname, relname) AS name,
			pg_total_relation_size(pg_class.oid)::float8 AS "sizeBytes"
		 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
		 WHERE relkind IN ('r', 'm') AND NOT relisshared AND relpersistence <> 't'
		 ORDER BY 2`,
	);
}
