import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Disk, type Machine, rawCopyOf } from "../../machine/index.ts";
import {
	livedInDisk,
	livedInState,
	ownLogins,
} from "../../system/lived-in/index.ts";
import { loginPage, setLoginsOf } from "../../system/steps.ts";
import { Fault } from "../fault.ts";
import { tool, withFolder } from "../file-systems.ts";
import { updateHasEnded } from "./kept.ts";

/** The lived-in disk, raw. */
export const livedIn: Disk = rawCopyOf(async () => (await livedInDisk()).disk);

/** @throws Fault when a copy of sda2 lacks a file of the owner, or has it with another content. */
export async function checkLivedIn(partition: string): Promise<void> {
	const { state } = await livedInDisk();
	await checkFiles(partition, state.homeFiles as string[]);
}

/** @param files lines of mode, owner, hash and path, as the state has them. */
export async function checkFiles(
	partition: string,
	files: readonly string[],
): Promise<void> {
	const wanted = files
		.map((line) => /^(\d+) \S+ (\w{64}) (.*)$/.exec(line))
		.filter((parts) => parts !== null)
		// The target of a link is another line.
		.filter(([, mode]) => mode !== "777");
	await withFolder(async (folder) => {
		const commands = join(folder, "commands");
		const copy = (index: number) => join(folder, `copy-${index}`);
		const lines = wanted.map(
			([, , , path], index) => `dump "/${path}" ${copy(index)}`,
		);
		await writeFile(commands, `${lines.join("\n")}\n`);
		await tool("debugfs", "-f", commands, partition);
		for (const [index, [, , hash, path]] of wanted.entries()) {
			const content = await readFile(copy(index)).catch(() => undefined);
			if (!content) throw new Fault(`${path} is lost`);
			if (createHash("sha256").update(content).digest("hex") !== hash)
				throw new Fault(`${path} has changed`);
		}
	});
}

/** The system runs, no update is under way any more, and all is as the owner has left it. */
export async function allIsAsLeft(machine: Machine): Promise<void> {
	setLoginsOf(machine, ownLogins);
	await loginPage(machine, { timeoutMs: 25 * 60_000 });
	await machine.console.login(...ownLogins.root);
	await updateHasEnded(machine.console);
	const { state: left } = await livedInDisk();
	const found = await livedInState(machine);
	for (const [kind, value] of Object.entries(left))
		if (!isDeepStrictEqual(found[kind as keyof typeof found], value))
			throw new Error(
				`${kind} has changed: ${JSON.stringify(found[kind as keyof typeof found])}`,
			);
}
