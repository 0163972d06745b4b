import { on } from "node:events";
import { type Machine, timeLimit } from "../machine/index.ts";
import { installNotes, notesPath, openNotes, waitForNotes } from "./notes.ts";
import {
	type OwnerData,
	readOwnerData,
	writeOwnerData,
	writeOwnerSettings,
} from "./owner-data.ts";

const domains = ["example.com", "example.org"];

const noteOf = (domain: string) => `bread and milk for ${domain}`;

/**
 * Creates the data and settings of an owner on a newly installed machine: an app with instances in two domains and
 * their text, files, a table, a fixed address and passwords. Root is then logged in at the console. Uses only features
 * of the oldest tested release.
 */
export async function createOwnerState(machine: Machine): Promise<void> {
	const createInstance = await installNotes(machine);
	for (const domain of domains) {
		await createInstance(domain);
		await waitForNotes(machine, notesPath(domain), "");
		await writeNote(machine, notesPath(domain), noteOf(domain));
	}
	await writeOwnerData(machine.console);
	await writeOwnerSettings(machine.console);
}

/** Returns the state that must be the same at any later time. Root is logged in at the console. */
export async function readOwnerState(machine: Machine): Promise<OwnerData> {
	for (const domain of domains)
		await waitForNotes(machine, notesPath(domain), noteOf(domain));
	return readOwnerData(machine.console);
}

/** Resolves when the instance has stored the text, which it then sends back. */
async function writeNote(
	machine: Machine,
	path: string,
	text: string,
): Promise<void> {
	const { socket } = await openNotes(machine, path);
	const messages = on(socket, "message", {
		signal: AbortSignal.timeout(timeLimit(30_000)),
		close: ["close"],
	});
	socket.send(text);
	for await (const [data] of messages) if (String(data) === text) break;
	socket.terminate();
}
