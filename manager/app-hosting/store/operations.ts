import * as z from "zod";
import { defineOperation } from "../../operations/operation.ts";
import type { StreamOperation } from "../../operations/stream-operation.ts";
import { publicKey } from "../../shared/minisign.ts";
import type { Store } from "./store.ts";

const nothing = z.strictObject({});

export function storeOperations(store: Store) {
	return [
		defineOperation({
			name: "storeApps",
			summary:
				"Returns the store's apps with the newest build of each, and whether the store is signed",
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
				signature: z.object({
					state: z.enum(["local", "signed", "unsigned", "changedKey"]),
					/** False until storeTrust has accepted the store. */
					mayInstall: z.boolean(),
					/** The minisign public key with which the store is signed now. */
					key: z.string().optional(),
					/** The key that is trusted for the store. */
					trustedKey: z.string().optional(),
				}),
			}),
			async handle() {
				const { apps, signature } = await store.offer();
				return {
					apps: apps.map((app) => ({
						...app,
						build: app.versions[0]?.build ?? "",
						label: app.versions[0]?.label ?? "",
					})),
					signature,
				};
			},
		}),
		defineOperation({
			name: "storeTrust",
			summary:
				"Trusts the app store at an address: its minisign public key or, with null, the store without a signature",
			permission: "administrator",
			input: z.strictObject({
				url: z.url({ protocol: /^https?$/ }).max(2_000),
				key: publicKey.nullable(),
			}),
			output: nothing,
			async handle({ url, key }) {
				await store.trust(url, key);
				return {};
			},
		}),
		defineOperation({
			name: "serviceInstall",
			summary:
				"Installs the newest build of an app from the store, or updates the installed app to it",
			permission: "administrator",
			input: z.strictObject({
				id: z.string(),
				/** Accepts a build below the installed one. */
				allowOlder: z.boolean().default(false),
			}),
			output: nothing,
			async handle({ id, allowOlder }) {
				await store.install(id, allowOlder);
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
			async refuse({ headers }) {
				await store.assertDeveloperMode();
				await store.assertRoomForArchive(
					Number(headers["content-length"] ?? 0),
				);
			},
			handle: (archive) => store.installArchive(archive),
		},
	];
}
