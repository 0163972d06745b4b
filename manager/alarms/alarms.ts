import { randomUUID } from "node:crypto";
import type { Database } from "../database/database.ts";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { retryDelayMs, retryUntilDone } from "../shared/retry.ts";
import {
	type Alarm,
	type AlarmSource,
	AlarmTable,
	type PastAlarm,
	type StoredAlarm,
} from "./table.ts";

/** Faults that an app names have codes from here on (facts §7), with the app's own in the low 16 bits. */
export const appCodes = 0x0024_0000;

/** What the manager itself has to complain about. */
export const ownCodes = {
	crashLoop: 0x0025_0001,
	certificateEnds: 0x0025_0002,
};

/** One that does nothing but complain takes no more memory than that. */
const mostOfAService = 100;
/** While PostgreSQL is away. */
const mostUnstored = 1_000;

interface ActiveAlarm extends StoredAlarm {
	/** By a manager before this one; nobody has raised it since. */
	isLeft: boolean;
}

/**
 * What is wrong at the moment. It is kept in the database, as is what was wrong before: alarms
 * outlive the manager until what raised them has had its chance to raise them again.
 */
export class Alarms implements Part {
	readonly name = "alarms";
	readonly #database: Database;
	readonly #table: AlarmTable;
	readonly #log: Log;
	readonly #active = new Map<string, ActiveAlarm>();
	/** Not yet as they are in the database, by id. */
	readonly #unstored = new Map<string, StoredAlarm>();
	/** What is over before it was known what was left; afterwards undefined. */
	#overEarly: Set<string> | undefined = new Set();
	readonly #stopping = new AbortController();
	#timer: NodeJS.Timeout | undefined;
	#storing: Promise<void> | undefined;
	#failures = 0;
	#takenOver: Promise<void> | undefined;

	constructor(database: Database, log: Log) {
		this.#database = database;
		this.#table = new AlarmTable(database);
		this.#log = log;
	}

	start(): void {
		this.#takenOver = this.#database.whenReady(
			() =>
				retryUntilDone(
					() => this.#takeOver(),
					(error) => this.#log.warn({ err: error }, "alarms cannot be read"),
					this.#stopping.signal,
				).catch(() => {}), // Stopped while it waited.
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

	/** The last ones that are over, the newest first. @throws DatabaseUnavailable */
	over(): Promise<PastAlarm[]> {
		return this.#table.over();
	}

	/** One that is raised already takes the new words. */
	raise(alarm: Omit<Alarm, "sinceMs">): void {
		const key = keyOf(alarm);
		const before = this.#active.get(key);
		if (!before && this.#countOf(alarm.service) >= mostOfAService) return;
		const { id = randomUUID(), sinceMs = Date.now() } = before ?? {};
		this.#active.set(key, { ...alarm, id, sinceMs, isLeft: false });
		this.#overEarly?.delete(key);
		if (!before) this.#log.warn({ alarm }, "alarm");
		if (!before || !sameWords(before, alarm))
			this.#keep({ ...alarm, id, sinceMs });
	}

	clear(source: AlarmSource, code: number): void {
		const key = keyOf({ ...source, code });
		const alarm = this.#active.get(key);
		this.#overEarly?.add(key);
		if (!alarm) return;
		this.#active.delete(key);
		this.#keep({ ...alarm, endedMs: Date.now() });
		this.#log.info({ alarm }, "the alarm is over");
	}

	/** All that a service itself has raised: its process is gone, and raises them again. */
	clearRaisedBy(service: string): void {
		for (const alarm of this.#active.values())
			if (alarm.service === service && isAppCode(alarm.code))
				this.clear(alarm, alarm.code);
	}

	/** What a service has not raised again, though it had the time for that. */
	clearLeftOf(service: string): void {
		for (const alarm of this.#active.values())
			if (alarm.service === service && alarm.isLeft)
				this.clear(alarm, alarm.code);
	}

	/** What services have left that are not there any more: a crash may have come in between. */
	async clearLeftOfOthers(services: readonly string[]): Promise<void> {
		await this.#takenOver;
		for (const { isLeft, service } of this.#active.values())
			if (isLeft && service !== undefined && !services.includes(service))
				this.clearLeftOf(service);
	}

	/** From the manager before this one. */
	async #takeOver(): Promise<void> {
		const left = await this.#table.raised();
		const overEarly = this.#overEarly;
		this.#overEarly = undefined;
		for (const alarm of left) {
			const key = keyOf(alarm);
			const now = this.#active.get(key);
			if (now) {
				// The same one, raised again already.
				this.#unstored.delete(now.id);
				const { id, sinceMs } = alarm;
				this.#active.set(key, { ...now, id, sinceMs });
				this.#keep({ ...now, id, sinceMs });
			} else if (overEarly?.has(key))
				this.#keep({ ...alarm, endedMs: Date.now() });
			else this.#active.set(key, { ...alarm, isLeft: true });
		}
		this.#storeSoon();
	}

	#keep(alarm: StoredAlarm): void {
		this.#unstored.set(alarm.id, alarm);
		const [oldest] = this.#unstored.keys();
		if (this.#unstored.size > mostUnstored && oldest)
			this.#unstored.delete(oldest);
		this.#storeSoon();
	}

	/** With a pause: a service that raises and clears without end is no work for PostgreSQL. */
	#storeSoon(): void {
		if (this.#timer || this.#unstored.size === 0) return;
		// Not before it is known which of them were there already.
		if (this.#overEarly || this.#stopping.signal.aborted) return;
		this.#timer = setTimeout(
			() => {
				this.#storing = this.#store().finally(() => {
					this.#timer = undefined;
					this.#storeSoon();
				});
			},
			retryDelayMs(this.#failures + 1),
		);
	}

	async #store(): Promise<void> {
		const alarms = [...this.#unstored.values()];
		if (alarms.length === 0 || this.#overEarly) return;
		try {
			await this.#table.store(alarms);
			this.#failures = 0;
			for (const alarm of alarms)
				if (this.#unstored.get(alarm.id) === alarm)
					this.#unstored.delete(alarm.id);
		} catch (error) {
			this.#failures += 1;
			this.#log.debug({ err: error }, "alarms are not stored yet");
		}
	}

	#countOf(service: string | undefined): number {
		return this.active().filter((alarm) => alarm.service === service).length;
	}
}

function isAppCode(code: number): boolean {
	return code >= appCodes && code <= appCodes + 0xffff;
}

function sameWords(one: Alarm, other: Omit<Alarm, "sinceMs">): boolean {
	return (
		one.severity === other.severity &&
		one.text === other.text &&
		one.details === other.details
	);
}

function keyOf(alarm: AlarmSource & { code: number }): string {
	return JSON.stringify([alarm.service, alarm.instance, alarm.code]);
}
