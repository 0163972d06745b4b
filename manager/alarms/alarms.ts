import type { Log } from "../log/log.ts";
import type { AlarmSeverity } from "../sdk/protocol.ts";

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

/** Faults that an app names have codes from here on (facts §7), with the app's own in the low 16 bits. */
export const appCodes = 0x0024_0000;

/** What the manager itself has to complain about. */
export const ownCodes = {
	crashLoop: 0x0025_0001,
	certificateEnds: 0x0025_0002,
};

/** One that does nothing but complain takes no more memory than that. */
const mostOfAService = 100;

/** What is wrong at the moment. What raises an alarm raises it again after a restart. */
export class Alarms {
	readonly #active = new Map<string, Alarm>();
	readonly #log: Log;

	constructor(log: Log) {
		this.#log = log;
	}

	/** Newest first. */
	active(): Alarm[] {
		return [...this.#active.values()].reverse();
	}

	/** One that is raised already takes the new words. */
	raise(alarm: Omit<Alarm, "sinceMs">): void {
		const key = keyOf(alarm);
		const before = this.#active.get(key);
		if (!before && this.#countOf(alarm.service) >= mostOfAService) return;
		this.#active.set(key, {
			...alarm,
			sinceMs: before?.sinceMs ?? Date.now(),
		});
		if (!before) this.#log.warn({ alarm }, "alarm");
	}

	clear(source: AlarmSource, code: number): void {
		const alarm = this.#active.get(keyOf({ ...source, code }));
		if (!alarm) return;
		this.#active.delete(keyOf(alarm));
		this.#log.info({ alarm }, "the alarm is over");
	}

	/** All that a service itself has raised: its process is gone, and raises them again. */
	clearRaisedBy(service: string): void {
		for (const alarm of this.active())
			if (alarm.service === service && isAppCode(alarm.code))
				this.clear(alarm, alarm.code);
	}

	#countOf(service: string | undefined): number {
		return this.active().filter((alarm) => alarm.service === service).length;
	}
}

function isAppCode(code: number): boolean {
	return code >= appCodes && code <= appCodes + 0xffff;
}

function keyOf(alarm: AlarmSource & { code: number }): string {
	return JSON.stringify([alarm.service, alarm.instance, alarm.code]);
}
