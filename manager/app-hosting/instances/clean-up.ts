import { statfs } from "node:fs/promises";
import * as z from "zod";
import type { Database, Query } from "../../database/database.ts";
import { isUnavailable } from "../../database/unavailable.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { missingRoom } from "./clean-up-room.ts";
import type { Instance } from "./table.ts";

/** How long a table that somebody uses is waited for. */
const lockLimit = "60s";

export const cleanUpStatus = z.object({
	state: z.enum(["running", "done", "failed"]),
	startedAt: z.iso.datetime(),
	tables: z.int(),
	tablesDone: z.int(),
	sizeBeforeBytes: z.number(),
	/** Once it is done. */
	sizeAfterBytes: z.number().optional(),
	/** What went wrong. */
	text: z.string().optional(),
});
export type CleanUpStatus = z.output<typeof cleanUpStatus>;

interface Table {
	/** Quoted. */
	name: string;
	/** With its indexes. */
	sizeBytes: number;
}

/** Gives the room of deleted rows back to the disk: VACUUM FULL, one database at a time. */
export class CleanUps {
	readonly #database: Database;
	readonly #dataDirectory: string;
	readonly #log: Log;
	/** By the instance's id: the one that runs, or the last one. */
	readonly #status = new Map<number, CleanUpStatus>();
	#isBusy = false;

	/** @param dataDirectory on the disk that has the databases. */
	constructor(database: Database, dataDirectory: string, log: Log) {
		this.#database = database;
		this.#dataDirectory = dataDirectory;
		this.#log = log;
	}

	status(id: number): CleanUpStatus | undefined {
		return this.#status.get(id);
	}

	/**
	 * Begins; `status` tells how it goes on.
	 * @throws OperationError where another one runs, or where there is not enough room.
	 */
	async begin(instance: Instance): Promise<void> {
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
				"A database is being cleaned up already: one at a time",
			);
		this.#isBusy = true;
		const { databaseName } = instance;
		try {
			const tables = await this.#database.inDatabase(databaseName, tablesOf);
			await this.#needRoom(
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
			void this.#clean(databaseName, tables, status);
		} catch (error) {
			this.#isBusy = false;
			throw error;
		}
	}

	async #clean(
		databaseName: string,
		tables: Table[],
		status: CleanUpStatus,
	): Promise<void> {
		const log = this.#log.child({ databaseName });
		log.info({ bytes: status.sizeBeforeBytes }, "a database is cleaned up");
		try {
			const left = await this.#database.inDatabase(databaseName, (query) =>
				this.#cleanTables(query, tables, status),
			);
			status.sizeAfterBytes = await this.#sizeOf(databaseName);
			status.state = left.length === 0 ? "done" : "failed";
			if (left.length > 0)
				status.text = `not these tables, which are in use or do not fit: ${left.join(", ")}`;
			log.info({ bytes: status.sizeAfterBytes, left }, "it was cleaned up");
		} catch (error) {
			log.warn({ err: error }, "the clean-up was cut off");
			status.state = "failed";
			status.text = "it was cut off; the manager's log says why";
		} finally {
			this.#isBusy = false;
		}
	}

	/** @returns those that could not be. */
	async #cleanTables(
		query: Query,
		tables: Table[],
		status: CleanUpStatus,
	): Promise<string[]> {
		const left: string[] = [];
		await query(`SET lock_timeout = '${lockLimit}'`);
		for (const { name, sizeBytes } of tables) {
			try {
				await this.#needRoom(sizeBytes);
				await query(`VACUUM (FULL, ANALYZE) ${name}`);
			} catch (error) {
				if (!(error instanceof OperationError) && isUnavailable(error))
					throw error;
				this.#log.warn({ err: error, table: name }, "a table is left as it is");
				left.push(name);
			}
			status.tablesDone++;
		}
		return left;
	}

	async #needRoom(largestTableBytes: number): Promise<void> {
		const [log] = await this.#database.query<{ bytes: number }>(
			"SELECT pg_size_bytes(current_setting('max_wal_size'))::float8 AS bytes",
		);
		const { bavail, bsize } = await statfs(this.#dataDirectory);
		const missing = missingRoom({
			largestTableBytes,
			longestLogBytes: log?.bytes ?? 0,
			freeBytes: bavail * bsize,
		});
		if (missing) throw new OperationError("noRoom", "noRoom", missing);
	}

	async #sizeOf(databaseName: string): Promise<number> {
		const [size] = await this.#database.query<{ bytes: number }>(
			"SELECT pg_database_size($1)::float8 AS bytes",
			[databaseName],
		);
		return size?.bytes ?? 0;
	}
}

/** Small ones first: what they give back helps the large ones. PostgreSQL's own are among them. */
function tablesOf(query: Query): Promise<Table[]> {
	return query<{ name: string; sizeBytes: number }>(
		`SELECT format('%I.%I', nspname, relname) AS name,
			pg_total_relation_size(pg_class.oid)::float8 AS "sizeBytes"
		 FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
		 WHERE relkind IN ('r', 'm') AND NOT relisshared AND relpersistence <> 't'
		 ORDER BY 2`,
	);
}
