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
import { runTool, withTemporaryDirectory } from "../file-systems.ts";
import { Fault } from "../story.ts";
import { waitForUpdateEnd } from "./kept-file.ts";

/** Returns the lived-in disk of a target in raw format. */
export function livedInRawDisk(target: TargetName): Disk {
	return rawCopyOf(async () => (await livedInDisk(target)).disk);
}

/** Returns a check of a copy of sda2. It throws a Fault when a file of the owner is missing or changed. */
export function checkOwnerFiles(
	target: TargetName,
): (partition: string) => Promise<void> {
	return async (partition) => {
		const { state } = await livedInDisk(target);
		await checkFiles(partition, state.homeFiles as string[]);
	};
}

/** @param files lines of mode, owner, hash and path, as in the state. */
export async function checkFiles(
	partition: string,
	files: readonly string[],
): Promise<void> {
	const wanted = files
		.map((line) => /^(\d+) \S+ (\w{64}) (.*)$/.exec(line))
		.filter((parts) => parts !== null)
		// Links are skipped: their targets have their own lines.
		.filter(([, mode]) => mode !== "777");
	await withTemporaryDirectory(async (directory) => {
		const commands = join(directory, "commands");
		const copy = (index: number) => join(directory, `copy-${index}`);
		const lines = wanted.map(
			([, , , path], index) => `dump "/${path}" ${copy(index)}`,
		);
		await writeFile(commands, `${lines.join("\n")}\n`);
		await runTool("debugfs", "-f", commands, partition);
		for (const [index, [, , hash, path]] of wanted.entries()) {
			const content = await readFile(copy(index)).catch(() => undefined);
			if (!content) throw new Fault(`${path} is lost`);
			if (createHash("sha256").update(content).digest("hex") !== hash)
				throw new Fault(`${path} has changed`);
		}
	});
}

/** Returns a check that the system runs, no update is in progress and the owner's state is unchanged. */
export function assertStateUnchanged(
	target: TargetName,
): (machine: Machine) => Promise<void> {
	return async (machine) => {
		setLoginsOf(machine, ownLogins);
		await loginPage(machine, { timeoutMs: 25 * 60_000 });
		await machine.console.login(...ownLogins.root);
		await waitForUpdateEnd(machine.console);
		const { state: left } = await livedInDisk(target);
		const found = await livedInState(machine);
		for (const kind of Object.keys(left) as (keyof typeof left)[])
			if (!isDeepStrictEqual(found[kind], left[kind]))
				throw new Error(`${kind} has changed: ${JSON.stringify(found[kind])}`);
	};
}
