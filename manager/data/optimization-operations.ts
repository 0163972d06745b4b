import * as z from "zod";
import { defineOperation } from "../operations/operation.ts";
import { type Optimization, optimizationHour } from "./optimization.ts";

const nothing = z.strictObject({});

const optimizationAnswer = z.object({
	/** Of local time; up to seven hours later it begins. */
	hour: optimizationHour,
	next: z.iso.datetime(),
	last: z
		.object({
			startedAt: z.iso.datetime(),
			endedAt: z.iso.datetime().optional(),
			failed: z.array(z.string()),
		})
		.optional(),
});
export type OptimizationAnswer = z.output<typeof optimizationAnswer>;

export function optimizationOperations(optimization: Optimization) {
	return [
		defineOperation({
			name: "databaseOptimization",
			summary: "When the databases are optimized, and how it went last",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: optimizationAnswer,
			async handle() {
				const { last } = optimization;
				return {
					hour: await optimization.hour(),
					next: (await optimization.next()).toISOString(),
					last: last && {
						startedAt: last.startedAt.toISOString(),
						endedAt: last.endedAt?.toISOString(),
						failed: last.failed,
					},
				};
			},
		}),
		defineOperation({
			name: "databaseOptimizationChange",
			summary: "The hour at which the databases are optimized each night",
			permission: "administrator",
			input: z.strictObject({ hour: optimizationHour }),
			output: nothing,
			async handle({ hour }) {
				await optimization.setHour(hour);
				return {};
			},
		}),
		defineOperation({
			name: "databaseOptimize",
			summary: "Optimizes the databases now",
			permission: "administrator",
			input: nothing,
			output: nothing,
			handle() {
				optimization.begin();
				return {};
			},
		}),
	];
}
