import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import type { StreamOperation } from "../../operations/stream-operation.ts";
import type { Store } from "./store.ts";

const nothing = z.strictObject({});

export function storeOperations(store: Store) {
	return [
		defineOperation({
			name: "storeApps",
			summary: "Returns the store's apps with the newest build of each",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: z.object({
				apps: z.array(
					z.object({
						id: z.string(),
						title: z.string(),
						description: z.string(),
						manufacturer: z.string(),
						build: z.string(),
						label: z.string(),
					}),
				),
			}),
			handle: async () => ({
				apps: (await store.apps()).map((app) => ({
					...app,
					build: app.versions[0]?.build ?? "",
					label: app.versions[0]?.label ?? "",
				})),
			}),
		}),
		defineOperation({
			name: "serviceInstall",
			summary:
				"Installs the newest build of an app from the store, or updates the installed app to it",
			permission: "administrator",
			input: z.strictObject({ id: z.string() }),
			output: nothing,
			async handle({ id }) {
				await store.install(id);
				return {};
			},
		}),
		defineOperation({
			name: "serviceInstallCancel",
			summary: "Cancels the download of an app, or discards an interrupted one",
			permission: "administrator",
			input: nothing,
			output: nothing,
			async handle() {
				await store.cancel();
				return {};
			},
		}),
	];
}

/** Requires developer mode. */
export function storeUploads(store: Store): StreamOperation[] {
	const name = "app-archive";
	return [
		{
			name,
			summary:
				"Installs an app from a tar archive of a store that has only this app; requires developer mode",
			method: "POST",
			path: name,
			tokens: "administer",
			contentType: "application/x-tar",
			output: z.object({ id: z.string(), build: z.string() }),
			refuse: () => store.assertDeveloperMode(),
			handle: (archive) => store.installArchive(archive),
		},
	];
}
