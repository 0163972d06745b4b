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
import { madeOnce } from "../made-once.ts";
import { report } from "../report.ts";
import {
	loginPage,
	setLoginsOf,
	switchOff,
	watchInstallation,
} from "../steps.ts";
import { ownLogins } from "./logins.ts";
import { type State, stateOf, traces } from "./state.ts";
import { asOwner } from "./trace.ts";

const minute = 60_000;

/** A disk on which an owner has lived, and what was found on it after a restart. */
export interface LivedInDisk {
	/** Never write to it. */
	disk: DiskFile;
	state: State;
}

/** Returns the lived-in disk of a target; it is made once per built image. */
export async function livedInDisk(
	target: TargetName = "x86_64",
): Promise<LivedInDisk> {
	const image = builtImage(target === "x86_64" ? "qcow2" : "img", target);
	const directory = await madeOnce(
		`lived-in-${target}`,
		image,
		(directory) => make(target, directory),
		await sources(),
	);
	const state = await readFile(join(directory, "state.json"), "utf8");
	return { disk: diskIn(directory), state: JSON.parse(state) as State };
}

const diskIn = (directory: string): DiskFile => ({
	path: join(directory, "lived-in.qcow2"),
	format: "qcow2",
});

/** Before the restart. */
const livedDisk = (directory: string): DiskFile => ({
	path: join(directory, "lived.qcow2"),
	format: "qcow2",
});

/** What is left and found depends on the files of this directory as well. */
async function sources(): Promise<string> {
	const hash = createHash("sha256");
	for (const name of (await readdir(import.meta.dirname)).sort())
		hash.update(await readFile(join(import.meta.dirname, name)));
	return hash.digest("hex");
}

async function make(target: TargetName, directory: string): Promise<void> {
	const secondsToMake = await seconds(() => live(target, directory));
	const secondsToLook = await seconds(async () => {
		const state = await stateAfterRestart(target, directory);
		const json = JSON.stringify(state, undefined, "\t");
		await writeFile(join(directory, "state.json"), json);
	});
	await report(`lived-in machine, ${target}`, { secondsToMake, secondsToLook });
}

/** From the first login to the time when the owner switches it off. */
async function live(target: TargetName, directory: string): Promise<void> {
	const { machine, discard } = machineOn(target, newDisk(target));
	try {
		await machine.boot();
		if (target !== "x86_64")
			await watchInstallation(machine, { timeoutMs: 15 * minute });
		await loginPage(machine, { timeoutMs: 12 * minute });
		const [logins, ...others] = traces;
		// The sessions of the default passwords end with them.
		await asOwner(machine, (owned) => logins.leave(owned));
		await asOwner(machine, async (owned) => {
			for (const trace of others) await trace.leave(owned);
		});
		await keepDisk(machine, livedDisk(directory));
	} finally {
		await discard();
	}
}

/**
 * Also the first proof: nothing is lost by a restart. The disk is what that restart leaves, since the first after
 * a change of the host's name enters it into system/hosts.
 */
async function stateAfterRestart(
	target: TargetName,
	directory: string,
): Promise<State> {
	const lived = async () => livedDisk(directory);
	const disk = target === "x86_64" ? rawCopyOf(lived) : overlayOn(lived);
	const { machine, discard } = machineOn(target, disk);
	setLoginsOf(machine, ownLogins);
	try {
		await machine.boot();
		await loginPage(machine, { timeoutMs: 12 * minute });
		const state = await stateOf(machine);
		await machine.console.login(...ownLogins.root);
		await keepDisk(machine, diskIn(directory));
		await rm(livedDisk(directory).path);
		return state;
	} finally {
		await discard();
	}
}

/** Switched off cleanly first. */
async function keepDisk(machine: Machine, kept: DiskFile): Promise<void> {
	await switchOff(machine);
	const [disk] = await machine.disks();
	await $({
		quiet: true,
	})`qemu-img convert -f ${disk?.format} -O ${kept.format} ${disk?.path} ${kept.path}`;
}

/** Installed; or the image, from which a gateway installs itself. */
function newDisk(target: TargetName): Disk {
	if (target === "x86_64") return copyOf(installedRawDisk);
	const image = { path: builtImage("img", target), format: "raw" } as const;
	return copyOf(image, { sizeMB: 2_500 });
}

/**
 * A virtual machine is lived in as a container, which is many times as fast, and leaves the same on its disk: the
 * tests in QEMU find there what was seen here.
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
