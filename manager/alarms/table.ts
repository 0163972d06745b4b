import type { AlarmSeverity } from "../../sdk/protocol.ts";
import type { Database } from "../database/database.ts";

/** Of each service, and of the manager itself: more that are over tell nobody anything. */
const mostOverOfASource = 100;

/** Whose it is: the manager's own where nothing is given. */
export interface AlarmSource {
	service?: string | undefined;
	/** NAME@DOMAIN */
	instance?: string | undefined;
}

export interface Alarm extends AlarmSource {
	/** With its source it says which alarm this is. */
	code: number;
	severity: AlarmSeverity;
	text: string;
	details?: string | undefined;
	/** When it was first raised, in ms since 1970. */
	sinceMs: number;
}

/** An alarm as it is kept. */
export interface StoredAlarm extends Alarm {
	/** A UUID. */
	id: string;
	/** When it was over, in ms since 1970. */
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

/** Alarms in the database, those that are over too. */
export class AlarmTable {
	readonly #database: Database;

	constructor(database: Database) {
		this.#database = database;
	}

	/** Those that are raised. */
	async raised(): Promise<StoredAlarm[]> {
		const rows = await this.#database.query<Row>(
			`SELECT ${columns} FROM alarm WHERE ended_at IS NULL ORDER BY raised_at`,
		);
		return rows.map(alarmOf);
	}

	/** The last ones that are over, the newest first. */
	async over(): Promise<PastAlarm[]> {
		const rows = await this.#database.query<Row>(
			`SELECT ${columns} FROM alarm WHERE ended_at IS NOT NULL
			 ORDER BY ended_at DESC LIMIT $1`,
			[mostOverOfASource],
		);
		return rows.map((row) => ({ ...alarmOf(row), endedMs: row.endedMs ?? 0 }));
	}

	/** New ones, and what has changed of others. */
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
					SELECT id, row_number() OVER (PARTITION BY service ORDER BY ended_at DESC) AS place
					FROM alarm WHERE ended_at IS NOT NULL
				 ) AS past WHERE alarm.id = past.id AND place > $1`,
				[mostOverOfASource],
			);
		});
	}
}

function alarmOf(row: Row): StoredAlarm {
	return {
		...row,
		service: row.service ?? undefined,
		instance: row.instance ?? undefined,
		details: row.details ?? undefined,
		endedMs: row.endedMs ?? undefined,
	};
}
