import { on } from "node:events";
import {
	type Console,
	eventually,
	type Machine,
	timeLimit,
} from "../machine/index.ts";
import { installNotes, notesPath, openNotes, waitForNotes } from "./notes.ts";
import { outputOf } from "./steps.ts";

/** An owner's data on a machine, by hash or value. */
export type OwnerData = { files: string; answer: string; settings: string };

/** The passwords that the owner has set instead of the defaults. */
export const ownLogins = {
	root: ["root", "own-Root-1"],
	admin: ["admin", "own-Admin-1"],
} as const;

const files = "/mnt/sda2/home/admin";

/** Creates files with random content and a table. Root is logged in. */
export async function writeOwnerData(console: Console): Promise<void> {
	await outputOf(
		console,
		`for size in 1 70000 9000000; do
			head -c $size /dev/urandom >${files}/$size
		done
		chown admin:admin ${files}/*
		sync`,
	);
	await eventually("the table is created", async () => {
		const { exitCode } = await console.run(
			"psql -d manager -qc 'CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer'",
		);
		return exitCode === 0 || undefined;
	});
}

/** Sets a fixed address, to which the test's forwards lead, and the owner's passwords. */
async function writeOwnerSettings(console: Console): Promise<void> {
	await outputOf(
		console,
		"setip --addr=10.0.2.15 --mask=255.255.255.0 --gateway=10.0.2.2",
	);
	for (const [user, password] of [ownLogins.root, ownLogins.admin])
		await outputOf(
			console,
			`printf '%s\\n' ${password} ${password} | passwd ${user}`,
		);
}

/** Reads the hashes of files and settings, and the table. */
export async function readOwnerData(console: Console): Promise<OwnerData> {
	return {
		files: await outputOf(
			console,
			`find ${files} -type f ! -name '.*' | sort | xargs sha256sum`,
			{ timeoutMs: 600_000 },
		),
		answer: await eventually("the database answers", async () => {
			const { exitCode, output } = await console.run(
				"psql -d manager -At -c 'SELECT answer FROM kept'",
			);
			return exitCode === 0 ? output.trim() : undefined;
		}),
		settings: await outputOf(
			console,
			"cd /mnt/sda2/system && sha256sum network shadow ssh/* webserver/*",
		),
	};
}

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
