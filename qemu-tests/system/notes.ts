import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { appDirectoriesIn, makeStore } from "../../development/make-store.ts";
import {
	eventually,
	type Machine,
	temporaryDirectory,
	timeLimit,
} from "../machine/index.ts";
import { loginsOf, managerSession, outputOf } from "./steps.ts";

// The example app "notes": its store on the device, its instances from outside.

export const storeDirectory = "/mnt/sda2/store";
const serviceId = "app-platform_notes";

/** Returns the path of the instance "notes" of a domain. */
export const notesPath = (domain: string) => `/${domain}/notes/`;

const examples = join(import.meta.dirname, "../../apps");

/** Returns a store with these apps, as a tar archive. */
async function packStore(appFolders: readonly string[]): Promise<Buffer> {
	const directory = temporaryDirectory();
	await makeStore(appFolders, directory.path);
	const archive = execFileSync("tar", ["-c", "-C", directory.path, "."], {
		maxBuffer: 64 * 1024 * 1024,
	});
	directory.remove();
	return archive;
}

/** Returns the app "notes" as another build, as developers upload it. */
export async function newerNotes(release: {
	build: number;
	label: string;
}): Promise<Buffer> {
	const directory = temporaryDirectory();
	const notes = join(examples, "notes");
	await cp(notes, directory.path, { recursive: true });
	const description = join(directory.path, "app.json");
	const app = JSON.parse(await readFile(description, "utf8"));
	await writeFile(description, JSON.stringify({ ...app, ...release }));
	// The app's imports are relative to its directory.
	const program = JSON.stringify(join(notes, "main.ts"));
	await writeFile(join(directory.path, "main.ts"), `import ${program};\n`);
	const archive = await packStore([directory.path]);
	directory.remove();
	return archive;
}

/**
 * Copies a store with the example apps to the device. Root is then logged in at its console.
 * @param appFolders directories of other apps to use instead.
 */
export async function putStore(
	machine: Machine,
	appFolders?: readonly string[],
): Promise<void> {
	const archive = await packStore(
		appFolders ?? (await appDirectoriesIn(examples)),
	);
	const ssh = await machine.ssh(...loginsOf(machine).admin);
	await ssh.writeFile("/tmp/store.tar", archive);
	ssh.close();
	await machine.console.login(...loginsOf(machine).root);
	await outputOf(
		machine.console,
		`mkdir ${storeDirectory} && tar -x -C ${storeDirectory} -f /tmp/store.tar && rm /tmp/store.tar
		chmod -R a+rX ${storeDirectory}`,
	);
}

/**
 * Installs "notes" from a store on the device, through the manager's API.
 * @returns a function that creates the instance "notes" of a domain.
 */
export async function installNotes(machine: Machine) {
	await putStore(machine);
	const call = await managerSession(machine);
	await call("storeUrlChange", { url: storeDirectory });
	await call("serviceInstall", { id: serviceId });
	return async (domain: string): Promise<void> => {
		await call("instanceCreate", { serviceId, name: "notes", domain });
	};
}

/** Waits for the page of an instance and returns it. */
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

/** Opens a WebSocket to an instance; also returns the first message. */
export async function openNotes(
	machine: Pick<Machine, "websocket">,
	path: string,
) {
	const socket = machine.websocket(path);
	// Errors after the first message are expected.
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

/** Waits until an instance has this text. */
export async function waitForNotes(
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
