import type { ClientBase } from "pg";
import type { AlarmSeverity } from "../../sdk/protocol.ts";
import type { Database } from "../database/database.ts";

/** Past alarms that are kept of each service and of the manager itself. */
const maxPastPerSource = 100;

/** What raised the alarm: the manager itself if both are undefined. */
export interface AlarmSource {
	service?: string | undefined;
	/** NAME@DOMAIN */
	instance?: string | undefined;
}

export interface Alarm extends AlarmSource {
	/** Identifies the alarm together with its source. */
	code: number;
	severity: AlarmSeverity;
	text: string;
	details?: string | undefined;
	/** When it was first raised, in ms since 1970. */
	sinceMs: number;
}

/** An alarm as the database stores it. */
export interface StoredAlarm extends Alarm {
	/** A UUID. */
	id: string;
	/** When it was cleared, in ms since 1970. */
	endedMs?: number | undefined;
}

export interface PastAlarm extends StoredAlarm {
	endedMs: number;
}

const columns = `id, service, instance, code, severity, text, details,
	round(extract(epoch FROM raised_at) * 1000)::float8 AS "sinceMs",
	round(extract(epoch FROM ended_at) * 1000)::float8 AS "endedMs"`;

interface Row {
	id: string;
	service: string | null;
	instance: string | null;
	code: number;
	severity: AlarmSeverity;
	text: string;
	details: string | null;
	sinceMs: number;
	endedMs: number | null;
}

/** Active and past alarms in the database. */
export class AlarmTable {
	readonly #database: Database;

	constructor(database: Database) {
		this.#database = database;
	}

	/** Oldest first. */
	async active(): Promise<StoredAlarm[]> {
		const rows = await this.#database.query<Row>(
			`SELECT ${columns} FROM alarm WHERE ended_at IS NULL ORDER BY raised_at`,
		);
		return rows.map(toAlarm);
	}

	/** The most recent ones, newest first. */
	async past(): Promise<PastAlarm[]> {
		const rows = await this.#database.query<Row>(
			`SELECT ${columns} FROM alarm WHERE ended_at IS NOT NULL
			 ORDER BY ended_at DESC LIMIT $1`,
			[maxPastPerSource],
		);
		return rows.map((row) => ({ ...toAlarm(row), endedMs: row.endedMs ?? 0 }));
	}

	/** Inserts new alarms and updates stored ones. */
	store(alarms: readonly StoredAlarm[]): Promise<void> {
		return this.#database.transaction(async (query) => {
			for (const one of alarms)
				await query(
					`INSERT INTO alarm VALUES ($1, $2, $3, $4, $5, $6, $7,
						to_timestamp($8::float8 / 1000), to_timestamp($9::float8 / 1000))
					 ON CONFLICT (id) DO UPDATE SET severity = excluded.severity,
						text = excluded.text, details = excluded.details,
						ended_at = excluded.ended_at`,
					[
						...[one.id, one.service, one.instance, one.code, one.severity],
						...[one.text, one.details, one.sinceMs, one.endedMs],
					],
				);
			await query(
				`DELETE FROM alarm USING (
					SELECT id, row_number() OVER (PARTITION BY service ORDER BY ended_at DESC) AS rank
					FROM alarm WHERE ended_at IS NOT NULL
				 ) AS past WHERE alarm.id = past.id AND rank > $1`,
				[maxPastPerSource],
			);
		});
	}
}

function toAlarm(row: Row): StoredAlarm {
	return {
		...row,
		service: row.service ?? undefined,
		instance: row.instance ?? undefined,
		details: row.details ?? undefined,
		endedMs: row.endedMs ?? undefined,
	};
}

export async function createAlarmTable(client: ClientBase): Promise<void> {
	await client.query(`
		CREATE TABLE alarm (
			id uuid PRIMARY KEY,
			service text,
			instance text,
			code integer NOT NULL,
			severity text NOT NULL,
			text text NOT NULL,
			details text,
			raised_at timestamptz NOT NULL,
			-- NULL while the alarm is active.
			ended_at timestamptz
		)`);
}
