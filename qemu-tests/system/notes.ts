import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { appFoldersIn, makeStore } from "../../development/make-store.ts";
import {
	eventually,
	type Machine,
	temporaryDirectory,
	timeLimit,
} from "../machine/index.ts";
import { loginsOf, managerSession, outputOf } from "./steps.ts";

// The example app "notes": its store on the device, its instances from outside.

export const storeFolder = "/home/root/store";
const serviceId = "app-platform_notes";

/** The path of the instance "notes" of a domain. */
export const notesOf = (domain: string) => `/${domain}/notes/`;

const examples = join(import.meta.dirname, "../../apps");

/** A store with these apps, as a tar archive. */
async function storeArchive(appFolders: readonly string[]): Promise<Buffer> {
	const folder = temporaryDirectory();
	await makeStore(appFolders, folder.path);
	const archive = execFileSync("tar", ["-c", "-C", folder.path, "."], {
		maxBuffer: 64 * 1024 * 1024,
	});
	folder.remove();
	return archive;
}

/** The same program as another build, as developers upload it. */
export async function newerNotes(release: {
	build: number;
	label: string;
}): Promise<Buffer> {
	const folder = temporaryDirectory();
	const notes = join(examples, "notes");
	await cp(notes, folder.path, { recursive: true });
	const description = join(folder.path, "app.json");
	const app = JSON.parse(await readFile(description, "utf8"));
	await writeFile(description, JSON.stringify({ ...app, ...release }));
	// It imports by paths from where it was.
	const program = JSON.stringify(join(notes, "main.ts"));
	await writeFile(join(folder.path, "main.ts"), `import ${program};\n`);
	const archive = await storeArchive([folder.path]);
	folder.remove();
	return archive;
}

/**
 * Puts a store with our examples on the device; root is at its console then.
 * @param appFolders others instead.
 */
export async function putStore(
	machine: Machine,
	appFolders?: readonly string[],
): Promise<void> {
	const archive = await storeArchive(
		appFolders ?? (await appFoldersIn(examples)),
	);
	const ssh = await machine.ssh(...loginsOf(machine).admin);
	await ssh.writeFile("/tmp/store.tar", archive);
	ssh.close();
	await machine.console.login(...loginsOf(machine).root);
	await outputOf(
		machine.console,
		`mkdir ${storeFolder} && tar -x -C ${storeFolder} -f /tmp/store.tar && rm /tmp/store.tar`,
	);
}

/**
 * Has "notes" installed from a store on the device, by the manager's API.
 * @returns makes the instance "notes" of a domain.
 */
export async function installNotes(machine: Machine) {
	await putStore(machine);
	const call = await managerSession(machine);
	await call("storeUrlChange", { url: storeFolder });
	await call("serviceInstall", { id: serviceId });
	return async (domain: string): Promise<void> => {
		await call("instanceCreate", { serviceId, name: "notes", domain });
	};
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
export async function openNotes(
	machine: Pick<Machine, "websocket">,
	path: string,
) {
	const socket = machine.websocket(path);
	// Also once nobody waits for it any more.
	socket.on("error", () => {});
	const closed = new AbortController();
	socket.once("close", (code) =>
		closed.abort(new Error(`The WebSocket was closed with ${code}`)),
	);
	const limit = AbortSignal.timeout(timeLimit(10_000));
	const [data] = await once(socket, "message", {
		signal: AbortSignal.any([closed.signal, limit]),
	});
	return { socket, text: String(data) };
}

/** Until whoever opens an instance is told this text. */
export async function notesThere(
	machine: Machine,
	path: string,
	expected: string,
): Promise<void> {
	await eventually(
		`the text "${expected}"`,
		async () => {
			const { socket, text } = await openNotes(machine, path);
			socket.terminate();
			return text === expected || undefined;
		},
		{ timeoutMs: 180_000 },
	);
}
