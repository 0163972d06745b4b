import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import {
	builtImage,
	copyOf,
	type Disk,
	type DiskFile,
	Lan,
	Machine,
	overlayOn,
	rawCopyOf,
	type TargetName,
} from "../../machine/index.ts";
import { containerMemoryMB, installedRawDisk } from "../base.ts";
import { cachedDirectory } from "../cached-directory.ts";
import { report } from "../report.ts";
import {
	loginPage,
	setLoginsOf,
	switchOff,
	watchInstallation,
} from "../steps.ts";
import { asOwner } from "./fixture.ts";
import { ownLogins } from "./logins.ts";
import { fixtures, livedInState, type State } from "./state.ts";

const minute = 60_000;

/** A disk with an owner's data and settings, and its state after a restart. */
export interface LivedInDisk {
	/** Never write to it. */
	disk: DiskFile;
	state: State;
}

/** Returns the lived-in disk of a target, which is created once per built image. */
export async function livedInDisk(
	target: TargetName = "x86_64",
): Promise<LivedInDisk> {
	const image = builtImage(target === "x86_64" ? "qcow2" : "img", target);
	const directory = await cachedDirectory(
		`lived-in-${target}`,
		image,
		(directory) => makeDisk(target, directory),
		await sources(),
	);
	const state = await readFile(join(directory, "state.json"), "utf8");
	return { disk: diskIn(directory), state: JSON.parse(state) as State };
}

const diskIn = (directory: string): DiskFile => ({
	path: join(directory, "lived-in.qcow2"),
	format: "qcow2",
});

/** The disk before the restart. */
const diskBeforeRestart = (directory: string): DiskFile => ({
	path: join(directory, "lived.qcow2"),
	format: "qcow2",
});

/** The disk and its state depend on the files of this directory as well. */
async function sources(): Promise<string> {
	const hash = createHash("sha256");
	for (const name of (await readdir(import.meta.dirname)).sort())
		hash.update(await readFile(join(import.meta.dirname, name)));
	return hash.digest("hex");
}

async function makeDisk(target: TargetName, directory: string): Promise<void> {
	const secondsToMake = await seconds(() => createFixtures(target, directory));
	const secondsToLook = await seconds(async () => {
		const state = await stateAfterRestart(target, directory);
		const json = JSON.stringify(state, undefined, "\t");
		await writeFile(join(directory, "state.json"), json);
	});
	await report(`lived-in machine, ${target}`, { secondsToMake, secondsToLook });
}

/** From the first login until the owner switches the machine off. */
async function createFixtures(
	target: TargetName,
	directory: string,
): Promise<void> {
	const { machine, discard } = machineOn(target, newDisk(target));
	try {
		await machine.boot();
		if (target !== "x86_64")
			await watchInstallation(machine, { timeoutMs: 15 * minute });
		await loginPage(machine, { timeoutMs: 12 * minute });
		const [logins, ...others] = fixtures;
		// Changing the passwords ends the sessions.
		await asOwner(machine, (owned) => logins.create(owned));
		await asOwner(machine, async (owned) => {
			for (const fixture of others) await fixture.create(owned);
		});
		await keepDisk(machine, diskBeforeRestart(directory));
	} finally {
		await discard();
	}
}

/**
 * Also proves that a restart loses nothing. The disk is kept as it is after that restart, since the first boot after a
 * change of the host name adds it to system/hosts.
 */
async function stateAfterRestart(
	target: TargetName,
	directory: string,
): Promise<State> {
	const before = async () => diskBeforeRestart(directory);
	const disk = target === "x86_64" ? rawCopyOf(before) : overlayOn(before);
	const { machine, discard } = machineOn(target, disk);
	setLoginsOf(machine, ownLogins);
	try {
		await machine.boot();
		await loginPage(machine, { timeoutMs: 12 * minute });
		const state = await livedInState(machine);
		await machine.console.login(...ownLogins.root);
		await keepDisk(machine, diskIn(directory));
		await rm(diskBeforeRestart(directory).path);
		return state;
	} finally {
		await discard();
	}
}

/** Shuts the machine down and copies its disk. */
async function keepDisk(machine: Machine, kept: DiskFile): Promise<void> {
	await switchOff(machine);
	const [disk] = await machine.disks();
	await $({
		quiet: true,
	})`qemu-img convert -f ${disk?.format} -O ${kept.format} ${disk?.path} ${kept.path}`;
}

/** The installed disk, or the image from which a gateway installs itself. */
function newDisk(target: TargetName): Disk {
	if (target === "x86_64") return copyOf(installedRawDisk);
	const image = { path: builtImage("img", target), format: "raw" } as const;
	return copyOf(image, { sizeMB: 2_500 });
}

/**
 * Uses a container for x86_64: it is many times as fast and leaves the same on its disk, where the tests in QEMU find
 * it.
 */
function machineOn(
	target: TargetName,
	disk: Disk,
): { machine: Machine; discard(): Promise<void> } {
	const name = `lived-in-${target}`;
	if (target !== "x86_64") {
		const machine = new Machine({ name, target, disks: [disk] });
		return { machine, discard: () => machine.discard() };
	}
	const lan = new Lan();
	const machine = new Machine({
		...{ name, lan, memoryMB: containerMemoryMB },
		disks: [disk],
	});
	return {
		machine,
		async discard() {
			await machine.discard();
			lan.stop();
		},
	};
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
	const start = performance.now();
	await work();
	return Math.round((performance.now() - start) / 1000);
}
