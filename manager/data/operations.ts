import * as z from "zod";
import type { Database } from "../database/database.ts";
import { DatabaseUnavailable } from "../database/unavailable.ts";
import { defineOperation } from "../operations/operation.ts";

const databaseStatus = z.discriminatedUnion("reachable", [
	z.object({
		reachable: z.literal(false),
		reason: z.string(),
	}),
	z.object({
		reachable: z.literal(true),
		version: z.string(),
		startedAt: z.iso.datetime(),
		connections: z.int(),
		maxConnections: z.int(),
		databases: z.array(z.object({ name: z.string(), sizeBytes: z.number() })),
	}),
]);

export type DatabaseStatus = z.output<typeof databaseStatus>;

export function databaseOperations(database: Database) {
	return [
		defineOperation({
			name: "databaseStatus",
			summary:
				"Returns whether PostgreSQL is reachable, its version, connections and database sizes",
			permission: "administrator",
			tokens: "read",
			live: { everyMs: 5_000 },
			input: z.strictObject({}),
			output: databaseStatus,
			handle: () => readDatabaseStatus(database),
		}),
	];
}

/** An unreachable PostgreSQL is a result here, not an error. */
async function readDatabaseStatus(database: Database): Promise<DatabaseStatus> {
	try {
		const [server] = await database.query<{
			version: string;
			startedAt: Date;
			connections: number;
			maxConnections: number;
		}>(`SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
			pg_postmaster_start_time() AS "startedAt",
			(SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
			current_setting('max_connections')::int AS "maxConnections"`);
		if (server === undefined) throw new Error("PostgreSQL returned no row");
		const databases = await database.query<{ name: string; sizeBytes: number }>(
			`SELECT datname AS name, pg_database_size(oid)::float8 AS "sizeBytes"
			 FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname`,
		);
		return {
			reachable: true,
			...server,
			startedAt: server.startedAt.toISOString(),
			databases,
		};
	} catch (error) {
		if (!(error instanceof DatabaseUnavailable)) throw error;
		return { reachable: false, reason: error.message };
	}
}
