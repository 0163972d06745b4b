import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { Database } from "../../database/database.ts";

/** How an update ended. */
export const updateResult = z.object({
	state: z.enum(["installed", "rolled-back", "failed"]),
	version: z.string(),
	build: z.int(),
	fromVersion: z.string(),
	fromBuild: z.int(),
	/** Why the update failed or was rolled back; empty if it was installed. */
	reason: z.string(),
	endedAt: z.iso.datetime(),
});

export type UpdateResult = z.output<typeof updateResult>;

/**
 * Copies the result that the system or the rescue system has left in a file to the database.
 * @returns undefined if there is none that is new. The file, in a directory of root, stays until the next update.
 */
export async function importResult(
	file: string,
	database: Database,
): Promise<UpdateResult | undefined> {
	const text = await readFile(file, "utf8").catch(
		(error: NodeJS.ErrnoException) => {
			if (error.code === "ENOENT") return undefined;
			throw error;
		},
	);
	if (text === undefined) return undefined;
	const result = parseResult(text);
	if (!result) return undefined;
	const added = await database.query(
		`INSERT INTO update_history VALUES ($1, $2, $3, $4, $5, $6, $7)
			 ON CONFLICT DO NOTHING RETURNING 1`,
		[
			result.endedAt,
			result.state,
			result.version,
			result.build,
			result.fromVersion,
			result.fromBuild,
			result.reason,
		],
	);
	return added.length > 0 ? result : undefined;
}

/** Returns the last 50 results, newest first. */
export function readHistory(database: Database): Promise<UpdateResult[]> {
	return database.query<UpdateResult>(
		`SELECT state, version, build, from_version AS "fromVersion",
			from_build AS "fromBuild", reason,
			to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "endedAt"
		 FROM update_history ORDER BY ended_at DESC LIMIT 50`,
	);
}

/** Parses lines NAME=VALUE. Returns undefined if they are invalid: retrying would not help. */
export function parseResult(text: string): UpdateResult | undefined {
	const values = Object.fromEntries(
		text.split("\n").map((line) => {
			const [name, ...value] = line.split("=");
			return [name, value.join("=")];
		}),
	);
	const seconds = Number(values.TIME);
	if (!Number.isFinite(seconds)) return undefined;
	return updateResult.safeParse({
		state: values.STATE,
		version: values.VERSION,
		build: Number(values.BUILD),
		fromVersion: values.FROM_VERSION,
		fromBuild: Number(values.FROM_BUILD),
		reason: values.REASON,
		endedAt: new Date(seconds * 1000).toISOString(),
	}).data;
}
