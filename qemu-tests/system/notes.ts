import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { appFoldersIn, makeStore } from "../../manager/store/make-store.ts";
import {
	eventually,
	type Machine,
	temporaryDirectory,
	timeLimit,
} from "../machine/index.ts";
import { logins, outputOf } from "./steps.ts";

// The example app "notes": its store on the device, its instances from outside.

export const storeFolder = "/home/root/store";

const examples = join(import.meta.dirname, "../../manager/apps");

/**
 * Puts a store with our examples on the device; root is at its console then.
 * @param appFolders others instead.
 */
export async function putStore(
	machine: Machine,
	appFolders?: readonly string[],
): Promise<void> {
	const folder = temporaryDirectory();
	await makeStore(appFolders ?? (await appFoldersIn(examples)), folder.path);
	const archive = execFileSync("tar", ["-c", "-C", folder.path, "."], {
		maxBuffer: 64 * 1024 * 1024,
	});
	folder.remove();
	const ssh = await machine.ssh(...logins.admin);
	await ssh.writeFile("/tmp/store.tar", archive);
	ssh.close();
	await machine.console.login(...logins.root);
	await outputOf(
		machine.console,
		`mkdir ${storeFolder} && tar -x -C ${storeFolder} -f /tmp/store.tar && rm /tmp/store.tar`,
	);
}

/** The page of an instance, as soon as the web server leads to it. */
export async function notesPage(
	machine: Machine,
	path: string,
): Promise<string> {
	return eventually(
		`the notes at ${path} answer`,
		async () => {
			const response = await machine.fetch("https", path, {
				signal: AbortSignal.timeout(timeLimit(10_000)),
			});
			return response.status === 200 ? response.text() : undefined;
		},
		{ timeoutMs: 60_000 },
	);
}

/** A WebSocket to an instance, and what it was told first. */
export async function openNotes(machine: Machine, path: string) {
	const socket = machine.websocket(path);
	// Also once nobody waits for it any more.
	socket.on("error", () => {});
	const [data] = await once(socket, "message", {
		signal: AbortSignal.timeout(timeLimit(10_000)),
	});
	return { socket, text: String(data) };
}
