import { on } from "node:events";
import { type Machine, timeLimit } from "../machine/index.ts";
import { dataFound, type Kept, leaveData, leaveSettings } from "./kept.ts";
import { installNotes, notesOf, notesThere, openNotes } from "./notes.ts";

const domains = ["example.com", "example.org"];

const noteOf = (domain: string) => `bread and milk for ${domain}`;

/**
 * What people do on a machine that was just installed: an app with instances in two domains and what
 * they write there, files, a table, a fixed address and passwords. Root is at the console afterwards.
 * Knows only what the oldest release that is tested has.
 */
export async function liveIn(machine: Machine): Promise<void> {
	const makeInstance = await installNotes(machine);
	for (const domain of domains) {
		await makeInstance(domain);
		await notesThere(machine, notesOf(domain), "");
		await writeNote(machine, notesOf(domain), noteOf(domain));
	}
	await leaveData(machine.console);
	await leaveSettings(machine.console);
}

/** Returns what has to be the same at any later time. Root is at the console. */
export async function findLife(machine: Machine): Promise<Kept> {
	for (const domain of domains)
		await notesThere(machine, notesOf(domain), noteOf(domain));
	return dataFound(machine.console);
}

/** Resolves once the instance has stored the text: it sends it back then. */
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
