import { setImmediate } from "node:timers/promises";
import { PageServer } from "./api/page-server.ts";
import {
	managerWebPort,
	readListenAddress,
} from "./environment/listen-address.ts";

/** Serves the pages, and then loads the manager in portions, between which pages are answered. */
async function main(): Promise<void> {
	const pages = new PageServer(
		readListenAddress(process.env),
		process.env.MANAGER_WEB_PORT ?? String(managerWebPort),
	);
	// The API server reports a failure.
	await pages.listening.catch(() => {});
	for (const load of [
		() => import("./shared/log.ts"),
		() => import("./database/database.ts"),
		() => import("./environment/environment.ts"),
		() => import("./access/login/login.ts"),
		() => import("./api/api-server.ts"),
		() => import("./app-hosting/instances/instances.ts"),
	]) {
		await load();
		await setImmediate();
	}
	const { startManager } = await import("./manager.ts");
	await setImmediate();
	startManager(pages);
}

void main();
