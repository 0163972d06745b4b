import { existsSync, mkdirSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import {
	type DiskFile,
	Machine,
	type MachineOptions,
	overlayOn,
	recorded,
} from "../machine/index.ts";
import type { Story } from "./story.ts";

/** A disk before a story, and everything the story wrote to it. */
export interface Recording {
	/** A raw file. Never write to it. */
	base: DiskFile;
	/** For WriteLog. */
	writeLog: string;
}

/** Runs a story on a machine whose disk is recorded, or reuses an existing recording. */
export async function record(
	story: Story,
	directory: string,
	{ reuse = false } = {},
): Promise<Recording> {
	const writeLog = join(directory, "writes");
	const base: DiskFile = { path: join(directory, "base.raw"), format: "raw" };
	if (reuse && existsSync(writeLog)) return { base, writeLog };
	await rm(directory, { recursive: true, force: true });
	mkdirSync(directory, { recursive: true });
	await story.disk(directory, "base");
	const name = `powercut-${story.name}`;
	await recordRun(base, writeLog, { name, ...hardwareOf(story) }, story.run);
	return { base, writeLog };
}

/** Returns the hardware on which a story, and the recovery from a cut in it, run. */
export function hardwareOf({ target, firmware = "bios" }: Story) {
	return { target, firmware };
}

/**
 * Boots a machine on an overlay of the disk and saves the log of its writes during `run`. Boots it again for
 * `afterwards`, which is not recorded.
 */
export async function recordRun(
	base: DiskFile,
	writeLog: string,
	options: MachineOptions,
	run: (machine: Machine) => Promise<void>,
	afterwards?: (machine: Machine) => Promise<void>,
): Promise<void> {
	const machine = new Machine({
		...options,
		disks: [recorded(overlayOn(base))],
	});
	try {
		await machine.boot();
		await run(machine);
		await machine.cutPower();
		const [disk] = await machine.disks();
		if (!disk?.writeLog) throw new Error("The disk was not recorded");
		// Sparse, and possibly on another file system.
		await $`cp --sparse=always ${disk.writeLog} ${`${writeLog}.part`}`.quiet();
		await rename(`${writeLog}.part`, writeLog);
		if (!afterwards) return;
		await machine.boot();
		await afterwards(machine);
	} finally {
		await machine.discard();
	}
}
