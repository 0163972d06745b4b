import * as z from "zod";
import { alarmSeverity } from "../../sdk/protocol.ts";
import { defineOperation } from "../operations/operation.ts";
import type { Alarms } from "./alarms.ts";

const alarmSchema = z.object({
	/** The manager itself raised the alarm if both are undefined. */
	service: z.string().optional(),
	instance: z.string().optional(),
	code: z.int(),
	severity: alarmSeverity,
	text: z.string(),
	details: z.string().optional(),
	/** In ms since 1970. */
	sinceMs: z.int(),
});

const alarmsAnswer = z.object({ alarms: z.array(alarmSchema) });
export type AlarmsAnswer = z.output<typeof alarmsAnswer>;

const pastAlarmsAnswer = z.object({
	alarms: z.array(alarmSchema.extend({ endedMs: z.int() })),
});
export type PastAlarmsAnswer = z.output<typeof pastAlarmsAnswer>;

export function alarmOperations(alarms: Alarms) {
	return [
		defineOperation({
			name: "alarms",
			summary: "Returns the active alarms, newest first",
			permission: "administrator",
			tokens: "read",
			live: { changes: [alarms.changes] },
			input: z.strictObject({}),
			output: alarmsAnswer,
			handle: () => ({ alarms: alarms.active() }),
		}),
		defineOperation({
			name: "pastAlarms",
			summary: "Returns the most recent past alarms, newest first",
			permission: "administrator",
			tokens: "read",
			input: z.strictObject({}),
			output: pastAlarmsAnswer,
			handle: async () => ({ alarms: await alarms.past() }),
		}),
	];
}
