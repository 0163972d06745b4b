import * as z from "zod";
import type { Jobs } from "../../jobs/jobs.ts";
import { defineOperation } from "../../operations/operation.ts";
import { outcome, outcomeOf } from "../../operations/outcome.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { updateResult } from "./history.ts";
import type { Updates } from "./updates.ts";

const release = z.object({
	version: z.string(),
	build: z.int(),
	target: z.string(),
});

const updateStatus = z.object({
	step: z.enum(["idle", "downloading", "installing", "restarting"]),
	receivedBytes: z.int(),
	totalBytes: z.int().optional(),
	problem: z.string().optional(),
	running: release.optional(),
	history: z.array(updateResult),
});

export type UpdateStatus = z.output<typeof updateStatus>;

const nothing = z.strictObject({});

export function updateOperations(updates: Updates, jobs: Jobs) {
	return [
		defineOperation({
			name: "updateStatus",
			summary:
				"Returns the state of the current update and the results of previous ones",
			permission: "administrator",
			tokens: "read",
			live: { changes: [jobs.changes], everyMs: 2_000 },
			input: nothing,
			output: updateStatus,
			handle: () => updates.status(),
		}),
		defineOperation({
			name: "updateDownload",
			summary: "Starts or resumes the download of update-<target>.img",
			permission: "administrator",
			input: z.strictObject({
				url: z.url({ protocol: /^https?$/ }),
			}),
			output: nothing,
			async handle({ url }) {
				await updates.download(url);
				return {};
			},
		}),
		defineOperation({
			name: "updateCheck",
			summary:
				"Checks every byte of the received update file and returns its version; deletes a file that can never become valid",
			permission: "administrator",
			input: nothing,
			output: release,
			handle: () => updates.check(),
		}),
		defineOperation({
			name: "updateInstall",
			summary: "Installs the received update and restarts the device",
			permission: "administrator",
			input: z.strictObject({
				/** Required for a build that is not newer than the running one. Refused with a token. */
				allowOlder: z.boolean().default(false),
			}),
			output: nothing,
			async handle({ allowOlder }, { session }) {
				if (allowOlder && !session)
					throw new OperationError(
						"forbidden",
						"notForToken",
						"An older build is installed by a person who is logged in, not with a token",
					);
				await updates.install(allowOlder);
				return {};
			},
		}),
		defineOperation({
			name: "updateCancel",
			summary:
				"Cancels a download, an upload, a check or an installation that has not started, and deletes the received file",
			permission: "administrator",
			input: nothing,
			output: outcome,
			handle: async () =>
				outcomeOf(
					await updates.cancel(),
					"The update is cancelled and its file is deleted",
					"There was nothing to cancel",
				),
		}),
	];
}
