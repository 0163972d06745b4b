import * as z from "zod";
import { defineOperation } from "../operations/operation.ts";
import { type Jobs, jobStatus } from "./jobs.ts";

export function jobOperations(jobs: Jobs) {
	return [
		defineOperation({
			name: "jobs",
			summary:
				"Returns the long work in progress, then the last 50 that have ended since the start of the manager",
			permission: "administrator",
			tokens: "read",
			live: { changes: [jobs.changes] },
			input: z.strictObject({}),
			output: z.object({ jobs: z.array(jobStatus) }),
			handle: () => ({ jobs: jobs.list() }),
		}),
		defineOperation({
			name: "jobCancel",
			summary: "Cancels long work in progress",
			permission: "administrator",
			input: z.strictObject({ id: z.int() }),
			output: z.strictObject({}),
			handle({ id }) {
				jobs.cancel(id);
				return {};
			},
		}),
	];
}
