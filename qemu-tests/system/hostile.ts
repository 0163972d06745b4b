import { join } from "node:path";
import { type Machine, timeLimit } from "../machine/index.ts";
import { notesPath, putStore, storeDirectory } from "./notes.ts";
import { managerSession } from "./steps.ts";

// The app "hostile", which runs any command in its own rights, beside the app "notes".

/** Runs a shell command as the app. @throws Error without an answer. */
export type RunAsApp = (
	command: string,
) => Promise<{ exitCode: number; output: string }>;

const path = "/example.com/hostile/";
const root = join(import.meta.dirname, "../..");

/** Installs both apps with an instance each. Root is then logged in at the console. */
export async function installHostile(machine: Machine): Promise<RunAsApp> {
	await putStore(machine, [
		join(root, "apps/notes"),
		join(root, "testing/hostile"),
	]);
	const call = await managerSession(machine);
	await call("storeUrlChange", { url: storeDirectory });
	for (const [serviceId, name] of [
		["app-platform_notes", "notes"],
		["hostile", "hostile"],
	]) {
		await call("serviceInstall", { id: serviceId });
		await call("instanceCreate", { serviceId, name, domain: "example.com" });
	}
	return async (command) => {
		const response = await machine.fetch("https", path, {
			method: "POST",
			body: command,
			signal: AbortSignal.timeout(timeLimit(60_000)),
		});
		if (response.status !== 200)
			throw new Error(`The app answers with ${response.status}`);
		return (await response.json()) as { exitCode: number; output: string };
	};
}

/** The instance of notes beside it. */
export const neighbour = notesPath("example.com");
