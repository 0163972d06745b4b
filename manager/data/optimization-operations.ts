import * as z from "zod";
import type { Jobs } from "../jobs/jobs.ts";
import { defineOperation } from "../operations/operation.ts";
import type { Settings } from "../settings/settings.ts";
import type { Optimization } from "./optimization.ts";

const nothing = z.strictObject({});

const optimizationAnswer = z.object({
	/** Of local time. The optimization starts up to seven hours later. */
	hour: z.int(),
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

export function optimizationOperations(
	optimization: Optimization,
	settings: Settings,
	jobs: Jobs,
) {
	return [
		defineOperation({
			name: "databaseOptimization",
			summary:
				"Returns when the databases are optimized next, and the result of the last time",
			permission: "administrator",
			tokens: "read",
			live: { changes: [jobs.changes, settings.changes], everyMs: 60_000 },
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
			name: "databaseOptimize",
			summary: "Optimizes the databases now",
			permission: "administrator",
			input: nothing,
			output: nothing,
			handle() {
				optimization.run();
				return {};
			},
		}),
	];
}
