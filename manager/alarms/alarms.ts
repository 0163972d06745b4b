import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Database } from "../database/database.ts";
import type { Changes } from "../operations/operation.ts";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { retryDelayMs, retryUntilDone } from "../shared/retry.ts";
import {
	type Alarm,
	type AlarmSource,
	AlarmTable,
	type PastAlarm,
	type StoredAlarm,
} from "./alarm-table.ts";
import { WriteBudget } from "./write-budget.ts";

/** The base of the codes of apps' alarms (facts §7): the app's own code is in the low 16 bits. */
export const appCodeBase = 0x0024_0000;

/** The codes of the manager's own alarms. */
export const managerCodes = {
	crashLoop: 0x0025_0001,
	certificateExpires: 0x0025_0002,
	certificateLacksName: 0x0025_0003,
	secretsUnreadable: 0x0025_0004,
	appRulesLeftOut: 0x0025_0005,
	databaseLimit: 0x0025_0006,
	fileLimit: 0x0025_0007,
};

/** Limits the memory that a faulty service can use. */
const maxActivePerService = 100;
/** Limits the memory used while PostgreSQL is unavailable. */
const maxUnstored = 1_000;

interface ActiveAlarm extends StoredAlarm {
	/** Raised in a previous run of the manager and not again since. */
	isLeftover: boolean;
	/** Whether the database has it or will. */
	isStored: boolean;
}

/**
 * The active alarms. The database stores them and past ones: alarms survive a restart of the
 * manager until what raised them has had time to raise them again.
 */
export class Alarms implements Part {
	readonly name = "alarms";
	readonly #database: Database;
	readonly #table: AlarmTable;
	readonly #log: Log;
	/** Of the active alarms. */
	readonly changes: Changes = new EventEmitter();
	readonly #active = new Map<string, ActiveAlarm>();
	/** Changes that are not in the database yet, by id. */
	readonly #unstored = new Map<string, StoredAlarm>();
	/** Keys of alarms that are cleared before leftovers are loaded; undefined afterwards. */
	#clearedBeforeLoad: Set<string> | undefined = new Set();
	readonly #budget = new WriteBudget();
	readonly #stopping = new AbortController();
	#timer: NodeJS.Timeout | undefined;
	#storing: Promise<void> | undefined;
	#failures = 0;
	#loading: Promise<void> | undefined;

	constructor(database: Database, log: Log) {
		this.#database = database;
		this.#table = new AlarmTable(database);
		this.#log = log;
	}

	start(): void {
		this.#loading = this.#database.whenReady(
			() =>
				retryUntilDone(
					() => this.#loadLeftovers(),
					(error) =>
						this.#log.warn({ err: error }, "cannot read alarms; retrying"),
					this.#stopping.signal,
				).catch(() => {}), // The manager stops.
		);
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		clearTimeout(this.#timer);
		await this.#storing;
		await this.#store();
	}

	/** Newest first. */
	active(): Alarm[] {
		return [...this.#active.values()].sort(
			(one, other) => other.sinceMs - one.sinceMs,
		);
	}

	/** The most recent ones, newest first. @throws DatabaseUnavailable */
	past(): Promise<PastAlarm[]> {
		return this.#table.past();
	}

	/** Updates the alarm if it is active already. */
	raise(alarm: Omit<Alarm, "sinceMs">): void {
		const key = keyOf(alarm);
		const before = this.#active.get(key);
		// A service cannot crowd out what the manager says about it.
		if (
			!before &&
			isAppCode(alarm.code) &&
			this.#countOf(alarm.service) >= maxActivePerService
		)
			return;
		const { id = randomUUID(), sinceMs = Date.now() } = before ?? {};
		this.#clearedBeforeLoad?.delete(key);
		const isChanged = !before || !hasSameContent(before, alarm);
		const isWritten = isChanged && this.#mayWrite(alarm.service);
		const isStored = isWritten || (before?.isStored ?? false);
		const entry = { ...alarm, id, sinceMs, isLeftover: false, isStored };
		this.#active.set(key, entry);
		if (isWritten) {
			if (!before) this.#log.warn({ alarm: forLog(alarm) }, "alarm");
			this.#queueForStore({ ...alarm, id, sinceMs });
		}
		if (isChanged) this.changes.emit("change");
	}

	/** Keeps a service from filling the log and the database with alarms. */
	#mayWrite(service: string | undefined): boolean {
		if (service === undefined) return true;
		const left = this.#budget.take(service);
		if (left === 1)
			this.#log.warn(
				{ service },
				"too many alarms: the next ones are shown, but neither logged nor stored",
			);
		return left > 0;
	}

	clear(source: AlarmSource, code: number): void {
		const key = keyOf({ ...source, code });
		const alarm = this.#active.get(key);
		this.#clearedBeforeLoad?.add(key);
		if (!alarm) return;
		this.#active.delete(key);
		this.changes.emit("change");
		// As many as were written when they were raised.
		if (!alarm.isStored) return;
		this.#queueForStore({ ...alarm, endedMs: Date.now() });
		this.#log.info({ alarm: forLog(alarm) }, "alarm cleared");
	}

	/** Clears all alarms that a service itself has raised. Its next process raises them again. */
	clearRaisedBy(service: string): void {
		for (const alarm of this.#active.values())
			if (alarm.service === service && isAppCode(alarm.code))
				this.clear(alarm, alarm.code);
	}

	/** Clears a service's leftovers, once it has had time to raise them again. */
	clearLeftovers(service: string): void {
		for (const alarm of this.#active.values())
			if (alarm.service === service && alarm.isLeftover)
				this.clear(alarm, alarm.code);
	}

	/** Clears the leftovers of uninstalled services: the manager may have crashed after an uninstallation. */
	async clearLeftoversOfUninstalled(
		installed: readonly string[],
	): Promise<void> {
		await this.#loading;
		for (const { isLeftover, service } of this.#active.values())
			if (isLeftover && service !== undefined && !installed.includes(service))
				this.clearLeftovers(service);
	}

	/** Loads the alarms that were active in the previous run of the manager. */
	async #loadLeftovers(): Promise<void> {
		const leftovers = await this.#table.active();
		const cleared = this.#clearedBeforeLoad;
		this.#clearedBeforeLoad = undefined;
		for (const alarm of leftovers) {
			const key = keyOf(alarm);
			const now = this.#active.get(key);
			if (now) {
				// Raised again already: it keeps its id and start.
				this.#unstored.delete(now.id);
				const { id, sinceMs } = alarm;
				this.#active.set(key, { ...now, id, sinceMs, isStored: true });
				this.#queueForStore({ ...now, id, sinceMs });
			} else if (cleared?.has(key))
				this.#queueForStore({ ...alarm, endedMs: Date.now() });
			else
				this.#active.set(key, {
					...alarm,
					isLeftover: true,
					isStored: true,
				});
		}
		this.changes.emit("change");
		this.#scheduleStore();
	}

	#queueForStore(alarm: StoredAlarm): void {
		this.#unstored.set(alarm.id, alarm);
		const [oldest] = this.#unstored.keys();
		if (this.#unstored.size > maxUnstored && oldest)
			this.#unstored.delete(oldest);
		this.#scheduleStore();
	}

	/** Delays writes, so that a service that raises and clears endlessly does not load PostgreSQL. */
	#scheduleStore(): void {
		if (this.#timer || this.#unstored.size === 0) return;
		// Leftovers are loaded first, because an alarm may be one of them.
		if (this.#clearedBeforeLoad || this.#stopping.signal.aborted) return;
		this.#timer = setTimeout(
			() => {
				this.#storing = this.#store().finally(() => {
					this.#timer = undefined;
					this.#scheduleStore();
				});
			},
			retryDelayMs(this.#failures + 1),
		);
	}

	async #store(): Promise<void> {
		const alarms = [...this.#unstored.values()];
		if (alarms.length === 0 || this.#clearedBeforeLoad) return;
		try {
			await this.#table.store(alarms);
			this.#failures = 0;
			for (const alarm of alarms)
				if (this.#unstored.get(alarm.id) === alarm)
					this.#unstored.delete(alarm.id);
		} catch (error) {
			this.#failures += 1;
			this.#log.debug({ err: error }, "cannot store alarms; retrying");
		}
	}

	#countOf(service: string | undefined): number {
		return this.active().filter((alarm) => alarm.service === service).length;
	}
}

/** Without the details: the database has them. */
function forLog({
	service,
	instance,
	code,
	severity,
	text,
}: Omit<Alarm, "sinceMs">) {
	return { service, instance, code, severity, text };
}

function isAppCode(code: number): boolean {
	return code >= appCodeBase && code <= appCodeBase + 0xffff;
}

function hasSameContent(one: Alarm, other: Omit<Alarm, "sinceMs">): boolean {
	return (
		one.severity === other.severity &&
		one.text === other.text &&
		one.details === other.details
	);
}

function keyOf(alarm: AlarmSource & { code: number }): string {
	return JSON.stringify([alarm.service, alarm.instance, alarm.code]);
}
