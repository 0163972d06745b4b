import * as z from "zod";
import { defineOperation, type Operation } from "../operations/operation.ts";
import { alarmSeverity } from "../sdk/protocol.ts";
import type { Alarms } from "./alarms.ts";

const alarmsAnswer = z.object({
	alarms: z.array(
		z.object({
			/** None of both: the manager's own. */
			service: z.string().optional(),
			instance: z.string().optional(),
			code: z.int(),
			severity: alarmSeverity,
			text: z.string(),
			details: z.string().optional(),
			sinceMs: z.int(),
		}),
	),
});
export type AlarmsAnswer = z.output<typeof alarmsAnswer>;

export function alarmOperations(alarms: Alarms): Operation[] {
	return [
		defineOperation({
			name: "alarms",
			summary: "What is wrong at the moment, the newest first",
			permission: "administrator",
			tokens: "read",
			input: z.strictObject({}),
			output: alarmsAnswer,
			handle: () => ({ alarms: alarms.active() }),
		}),
	];
}
