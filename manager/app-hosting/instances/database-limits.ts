import { statfs } from "node:fs/promises";
import type { ClientBase } from "pg";
import * as z from "zod";
import type { Alarms } from "../../alarms/alarms.ts";
import { managerCodes } from "../../alarms/alarms.ts";
import type { Database } from "../../database/database.ts";
import type { ForeignDatabase } from "../../database/foreign-database.ts";
import type { Jobs } from "../../jobs/jobs.ts";
import type { ConfigTable } from "../../settings/config-table.ts";
import type { Settings } from "../../settings/settings.ts";
import { formatBytes } from "../../shared/format.ts";
import type { Log } from "../../shared/log.ts";
import type { Scheduler } from "../../shared/scheduler.ts";
import {
	endSessions,
	ownerOf,
	setPassword,
	setReadOnly,
} from "./instance-database.ts";
import type { Instance } from "./instance-table.ts";
import type { Instances } from "./instances.ts";
import { assertReadable, generatePassword } from "./passwords.ts";

/** Of the disk, if no limit is set. */
const defaultShare = 0.5;
/** Of the limit, from which an alarm announces it. */
const warnShare = 0.8;
/** Of the limit, by which a read-only database may grow before it is closed. */
const marginShare = 0.1;
/** Databases that were there before the limit may grow by a quarter. */
const earlierGrowth = 1.25;
const earlierSizeName = "databaseSizeBeforeLimit";

/** What an app may do in its database. `closed`: it cannot connect. */
type DatabaseAccess = "full" | "readOnly" | "closed";

/** The row of a database that has reached its limit. */
interface LimitedDatabase {
	access: DatabaseAccess;
	/** Its size when it became read-only. */
	sinceBytes: number;
}

interface Parts {
	database: Database;
	instances: Instances;
	jobs: Jobs;
	settings: Settings;
	config: ConfigTable;
	alarms: Alarms;
	scheduler: Scheduler;
	/** On the databases' disk. */
	dataDirectory: string;
	log: Log;
}

interface Limited extends Instance {
	sizeBytes: number;
	limited: LimitedDatabase | undefined;
}

/**
 * Keeps the databases of instances below a size: from 80 % of it with an alarm, at the limit by making the database
 * read-only, which an app can undo for its session, and by closing it to the app if it grows nevertheless. Nothing is
 * deleted, and clean-up and optimization still work.
 */
export class DatabaseLimits {
	readonly #parts: Parts;
	#isLimiting = false;
	/** Passwords of closed databases by instance id, which only the manager knows. */
	readonly #passwords = new Map<number, string>();
	/** The names with which alarms were raised, by instance id. */
	readonly #raised = new Map<number, { service: string; instance: string }>();

	constructor(parts: Parts) {
		this.#parts = parts;
		parts.scheduler.everyMinute("check of database sizes", () => this.#check());
		parts.settings.watch("databaseMaxMegabytes", () => this.#checkSoon());
	}

	/** Limits from now on: no older system, which could not open a database again, is going to run. */
	begin(): void {
		this.#isLimiting = true;
		this.#checkSoon();
	}

	/** Opens every database, for an older system; until `begin` or the next start. @throws DatabaseUnavailable */
	end(): Promise<void> {
		return this.#parts.instances.whileUnchanged(async () => {
			this.#isLimiting = false;
			for (const instance of await this.#withSizes())
				if (instance.limited) await this.#change(instance, "full");
		});
	}

	/** Returns what the manager needs to enter the database of an instance, also if it is closed to the app. */
	ownerOf(instance: Instance): ForeignDatabase {
		const password = this.#passwords.get(instance.id);
		return ownerOf({
			...instance,
			databasePassword: password ?? instance.databasePassword,
		});
	}

	/** Returns how large each database may become. */
	async maxBytes(): Promise<number> {
		const megabytes = await this.#parts.settings.get("databaseMaxMegabytes");
		if (megabytes !== null) return megabytes * 1_000_000;
		const { blocks, bsize } = await statfs(this.#parts.dataDirectory);
		const earlier = await this.#parts.config.read(earlierSizeName, z.number());
		return defaultMaxBytes(blocks * bsize, earlier ?? 0);
	}

	#checkSoon(): void {
		this.#check().catch((error) =>
			this.#parts.log.warn(
				{ err: error },
				"cannot check the sizes of databases",
			),
		);
	}

	/** No instance is renamed meanwhile. */
	#check(): Promise<void> {
		return this.#parts.instances.whileUnchanged(async () => {
			if (!this.#isLimiting) return;
			const [server] = await this.#parts.database.query<{ isStandby: boolean }>(
				`SELECT pg_is_in_recovery() AS "isStandby"`,
			);
			if (server?.isStandby) return;
			const maxBytes = await this.maxBytes();
			const all = await this.#withSizes();
			for (const instance of all)
				await this.#limit(instance, maxBytes).catch((error) =>
					this.#parts.log.warn(
						{ err: error, database: instance.databaseName },
						"cannot limit the size of a database; retrying",
					),
				);
			this.#clearAlarmsExcept(all.map(({ id }) => id));
		});
	}

	async #withSizes(): Promise<Limited[]> {
		const rows = await this.#parts.database.query<
			{ id: number; sizeBytes: number } & LimitedDatabase
		>(
			`SELECT id, pg_database_size(pg_database.oid)::float8 AS "sizeBytes", access,
				since_bytes AS "sinceBytes"
			 FROM instance JOIN pg_database ON datname = database_name
			 LEFT JOIN database_limit ON instance_id = id
			 WHERE state = 'ready'`,
		);
		const instances = await this.#parts.instances.all();
		return instances.flatMap((instance) => {
			const row = rows.find(({ id }) => id === instance.id);
			return row
				? { ...instance, ...row, limited: row.access ? row : undefined }
				: [];
		});
	}

	async #limit(instance: Limited, maxBytes: number): Promise<void> {
		const { sizeBytes, limited, databaseName } = instance;
		// Tables exist twice while they are rewritten.
		if (this.#isCleanedUp(databaseName)) return;
		const access = decideAccess({ sizeBytes, maxBytes, limited });
		this.#report(instance, access, sizeBytes >= warnShare * maxBytes, maxBytes);
		if (access === "full" && !limited) return;
		if (access !== limited?.access)
			this.#parts.log.warn(
				{ database: databaseName, access, sizeBytes, maxBytes },
				"the access of an app to its database changes",
			);
		await this.#change(instance, access);
	}

	async #change(instance: Limited, access: DatabaseAccess): Promise<void> {
		const { id, sizeBytes, limited } = instance;
		// Before the database: a power cut in between is repaired by the next check.
		if (access !== "full" && access !== limited?.access)
			await this.#parts.database.query(
				`INSERT INTO database_limit VALUES ($1, $2, $3)
				 ON CONFLICT (instance_id) DO UPDATE SET access = excluded.access`,
				[id, access, sizeBytes],
			);
		await this.#apply(instance, access);
		if (access === "full")
			await this.#parts.database.query(
				"DELETE FROM database_limit WHERE instance_id = $1",
				[id],
			);
	}

	/** Repeats what the app can undo. */
	async #apply(instance: Limited, access: DatabaseAccess): Promise<void> {
		const { id, limited, databasePassword } = instance;
		await setReadOnly(this.#parts.database, instance, access !== "full");
		if (access === "closed") {
			const password = this.#passwords.get(id) ?? generatePassword();
			this.#passwords.set(id, password);
			await setPassword(this.#parts.database, instance, password);
		} else if (limited?.access === "closed") {
			await setPassword(
				this.#parts.database,
				instance,
				assertReadable(databasePassword),
			);
			this.#passwords.delete(id);
		}
		// Settings and passwords hold for new sessions.
		if (access === "closed" || access !== limited?.access)
			await endSessions(
				(...query) => this.#parts.database.query(...query),
				instance,
				this.#parts.database.foreignSessionIds,
			);
	}

	#report(
		{ id, serviceId, name, domain, databaseName }: Instance,
		access: DatabaseAccess,
		isLarge: boolean,
		maxBytes: number,
	): void {
		const source = { service: serviceId, instance: `${name}@${domain}` };
		const raised = this.#raised.get(id);
		if (raised && (raised.instance !== source.instance || !isLarge))
			this.#clearAlarm(id);
		if (!isLarge) return;
		const max = formatBytes(maxBytes);
		const what = `The database ${databaseName}`;
		const cure =
			"delete data and clean it up, or raise the limit under Settings";
		const text = {
			full: `${what} is larger than ${warnShare * 100} % of its limit of ${max}, at which it becomes read-only: ${cure}`,
			readOnly: `${what} is read-only, because it has reached its limit of ${max}: ${cure}`,
			closed: `${what} is closed to the app, because it has grown above its limit of ${max} although it was read-only: clean it up, or raise the limit under Settings`,
		}[access];
		this.#raised.set(id, source);
		this.#parts.alarms.raise({
			...source,
			code: managerCodes.databaseLimit,
			severity: access === "full" ? "major" : "critical",
			text,
		});
	}

	#clearAlarmsExcept(ids: readonly number[]): void {
		for (const id of this.#raised.keys())
			if (!ids.includes(id)) {
				this.#clearAlarm(id);
				this.#passwords.delete(id);
			}
	}

	#clearAlarm(id: number): void {
		const source = this.#raised.get(id);
		this.#raised.delete(id);
		if (source) this.#parts.alarms.clear(source, managerCodes.databaseLimit);
	}

	#isCleanedUp(databaseName: string): boolean {
		return this.#parts.jobs
			.list()
			.some(
				({ kind, subject, state }) =>
					kind === "databaseCleanUp" &&
					subject === databaseName &&
					state === "running",
			);
	}
}

/** @param earlierBytes the size of the largest database when the limit was introduced. */
export function defaultMaxBytes(
	diskBytes: number,
	earlierBytes: number,
): number {
	return Math.max(diskBytes * defaultShare, earlierBytes * earlierGrowth);
}

/** @param limited undefined while the app has full access. */
export function decideAccess({
	sizeBytes,
	maxBytes,
	limited,
}: {
	sizeBytes: number;
	maxBytes: number;
	limited: LimitedDatabase | undefined;
}): DatabaseAccess {
	if (sizeBytes < maxBytes) return "full";
	if (!limited) return "readOnly";
	const hasGrown = sizeBytes > limited.sinceBytes + marginShare * maxBytes;
	return hasGrown ? "closed" : limited.access;
}

/**
 * Creates the table of databases that have reached their limit, and records how large databases are: those of
 * devices that had no limit yet must not become read-only by an update.
 */
export async function createDatabaseLimitTable(
	client: ClientBase,
): Promise<void> {
	await client.query(`
		CREATE TABLE database_limit (
			instance_id integer PRIMARY KEY REFERENCES instance ON DELETE CASCADE,
			access text NOT NULL CHECK (access IN ('readOnly', 'closed')),
			since_bytes float8 NOT NULL
		)`);
	await client.query(
		`INSERT INTO config (name, value)
		 SELECT $1, to_jsonb(max(pg_database_size(pg_database.oid)))
		 FROM instance JOIN pg_database ON datname = database_name HAVING count(*) > 0
		 ON CONFLICT DO NOTHING`,
		[earlierSizeName],
	);
}
