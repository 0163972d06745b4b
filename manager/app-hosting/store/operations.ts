import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import type { StreamOperation } from "../../operations/stream-operation.ts";
import type { Store } from "./store.ts";

const nothing = z.strictObject({});

/** Of the folder with apps.json: https, http, or a directory of the device. */
const storeUrl = z
	.string()
	.max(2_000)
	.regex(/^(https?:\/\/[^/\s]+(\/\S*)?|\/\S+)$/, {
		error: "begins with https://, http:// or, for a directory, with /",
	});

export function storeOperations(store: Store) {
	return [
		defineOperation({
			name: "storeUrl",
			summary: "Where apps come from",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: z.object({ url: z.string() }),
			handle: async () => ({ url: await store.url() }),
		}),
		defineOperation({
			name: "storeUrlChange",
			summary: "Has apps come from another store",
			permission: "administrator",
			input: z.strictObject({ url: storeUrl }),
			output: nothing,
			async handle({ url }) {
				await store.setUrl(url);
				return {};
			},
		}),
		defineOperation({
			name: "developerMode",
			summary: "Whether apps can be uploaded, as archives, to /app-archive",
			permission: "administrator",
			tokens: "read",
			input: nothing,
			output: z.object({ isOn: z.boolean() }),
			handle: async () => ({ isOn: await store.isDeveloperMode() }),
		}),
		defineOperation({
			name: "developerModeChange",
			summary: "Lets apps be uploaded, or no longer",
			permission: "administrator",
			input: z.strictObject({ isOn: z.boolean() }),
			output: nothing,
			async handle({ isOn }) {
				await store.setDeveloperMode(isOn);
				return {};
			},
		}),
		defineOperation({
			name: "storeApps",
			summary: "The apps that the store has, the newest build of each",
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
				"Installs the newest build of an app from the store, or updates to it",
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
			summary:
				"Ends the download of an app that is being installed, or gives up one that was interrupted",
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

/** For developers, who have enabled their mode. */
export function storeUploads(store: Store): StreamOperation[] {
	const name = "app-archive";
	return [
		{
			name,
			summary:
				"Installs the app in a tar archive of a store that has no other, as from the app store; in developer mode",
			method: "POST",
			path: name,
			tokens: "administer",
			contentType: "application/x-tar",
			output: z.object({ id: z.string(), build: z.string() }),
			refuse: () => store.refuseUnlessDeveloperMode(),
			handle: (archive) => store.installArchive(archive),
		},
	];
}
