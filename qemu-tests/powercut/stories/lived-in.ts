import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
	type Disk,
	type Machine,
	rawCopyOf,
	type TargetName,
} from "../../machine/index.ts";
import {
	livedInDisk,
	livedInState,
	ownLogins,
} from "../../system/lived-in/index.ts";
import { loginPage, setLoginsOf } from "../../system/steps.ts";
import { Fault } from "../fault.ts";
import { tool, withFolder } from "../file-systems.ts";
import { updateHasEnded } from "./kept.ts";

/** The lived-in disk of a target, raw. */
export function livedIn(target: TargetName): Disk {
	return rawCopyOf(async () => (await livedInDisk(target)).disk);
}

/** Throws a Fault when a copy of sda2 lacks a file of the owner, or has it with another content. */
export function filesAreAsLeft(
	target: TargetName,
): (partition: string) => Promise<void> {
	return async (partition) => {
		const { state } = await livedInDisk(target);
		await checkFiles(partition, state.homeFiles as string[]);
	};
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
export function allIsAsLeft(
	target: TargetName,
): (machine: Machine) => Promise<void> {
	return async (machine) => {
		setLoginsOf(machine, ownLogins);
		await loginPage(machine, { timeoutMs: 25 * 60_000 });
		await machine.console.login(...ownLogins.root);
		await updateHasEnded(machine.console);
		const { state: left } = await livedInDisk(target);
		const found = await livedInState(machine);
		for (const kind of Object.keys(left) as (keyof typeof left)[])
			if (!isDeepStrictEqual(found[kind], left[kind]))
				throw new Error(`${kind} has changed: ${JSON.stringify(found[kind])}`);
	};
}
