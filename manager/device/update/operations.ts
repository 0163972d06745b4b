import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import { outcome, outcomeOf } from "../../operations/outcome.ts";
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

export function updateOperations(updates: Updates) {
	return [
		defineOperation({
			name: "updateStatus",
			summary: "What an update of the image is at, and how those before ended",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: updateStatus,
			handle: () => updates.status(),
		}),
		defineOperation({
			name: "updateDownload",
			summary:
				"Begins or goes on to download an update file (update-<target>.img)",
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
				"Checks every byte of the update that was received, and says which it is; one that can never become good is deleted",
			permission: "administrator",
			input: nothing,
			output: release,
			handle: () => updates.check(),
		}),
		defineOperation({
			name: "updateInstall",
			summary: "Installs the update that was received, and restarts",
			permission: "administrator",
			input: z.strictObject({
				/** Must be true for a build that is not newer than the running one. */
				allowOlder: z.boolean().default(false),
			}),
			output: nothing,
			async handle({ allowOlder }) {
				await updates.install(allowOlder);
				return {};
			},
		}),
		defineOperation({
			name: "updateCancel",
			summary:
				"Ends a download, an upload or a check, deletes what was received, and takes back an installation that has not begun",
			permission: "administrator",
			input: nothing,
			output: outcome,
			handle: async () =>
				outcomeOf(
					await updates.cancel(),
					"What was received or staged of an update is deleted",
					"There was nothing to cancel",
				),
		}),
	];
}
