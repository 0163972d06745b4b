import * as z from "zod";
import { defineOperation, type Operation } from "../operations/operation.ts";
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

export function updateOperations(updates: Updates): Operation[] {
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
			summary: "Whose and which update was received; refused when it is none",
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
			summary: "Ends a download and forgets what was received",
			permission: "administrator",
			input: nothing,
			output: nothing,
			async handle() {
				await updates.cancel();
				return {};
			},
		}),
	];
}
