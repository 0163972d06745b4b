import { join } from "node:path";
import type { TestFn } from "ava";
import { $ } from "zx";
import {
	builtImage,
	copyOf,
	type DiskFile,
	type HostService,
	Lan,
	Machine,
	type MachineOptions,
	machineForTests,
	overlayOn,
	rawCopyOf,
	timeLimit,
} from "../machine/index.ts";
import { madeOnce } from "./made-once.ts";
import { loginPage, logins, switchOff, watchInstallation } from "./steps.ts";

const snapshot = "running";

/** A snapshot can only be woken by the very machine that went to sleep. */
const runningHardware = { guestAgent: "virtio", memoryMB: 512 } as const;

/** By it HAProxy counts its open files, of which a host may allow 20,000. */
export const containerMemoryMB = 384;

/** A disk after installation and first start, switched off cleanly. Never write to it. */
export async function installedDisk(): Promise<DiskFile> {
	return { path: join(await base(), "installed.qcow2"), format: "qcow2" };
}

/** The same disk, as a container takes it. Never write to it. */
export async function installedRawDisk(): Promise<DiskFile> {
	const raw = rawCopyOf(installedDisk);
	const directory = await madeOnce("raw", builtImage("qcow2"), async (into) => {
		await raw(into, "installed");
	});
	return { path: join(directory, "installed.raw"), format: "raw" };
}

/** The same disk with a snapshot of the running system. Never write to it. */
async function runningDisk(): Promise<DiskFile> {
	return { path: join(await base(), "running.qcow2"), format: "qcow2" };
}

/**
 * A machine for the tests of a file that wakes up where the login page is served and a
 * getty waits on the console: in seconds instead of a start. Its clock lags behind.
 */
export function runningMachine(
	test: TestFn,
	name: string,
	{ hostServices = [] }: { hostServices?: readonly HostService[] } = {},
): Machine {
	const machine = machineForTests(test, {
		...{ name, hostServices },
		...runningHardware,
		disks: [copyOf(runningDisk)],
	});
	test.before("the installed system runs", async (t) => {
		t.timeout(timeLimit(20 * 60_000));
		await machine.boot({ snapshot });
		// The getty's prompt was shown before the snapshot: ask for another.
		machine.console.send("\n");
	});
	return machine;
}

/**
 * A machine for the tests of a file that do not care for kernel, disks and power: the installed system in a
 * container, started up to the login page.
 */
export function runningContainer(
	test: TestFn,
	name: string,
	{ hostServices = [] }: { hostServices?: readonly HostService[] } = {},
): Machine {
	const lan = new Lan();
	const machine = machineForTests(
		test,
		containerOptions({ name, hostServices, lan }),
	);
	test.after.always(() => lan.stop());
	test.before("the installed system runs", async (t) => {
		t.timeout(timeLimit(20 * 60_000));
		await machine.boot();
		await loginPage(machine);
	});
	return machine;
}

/** A container with the installed system, switched off. */
export function installedContainer(
	options: MachineOptions & { lan: Lan },
): Machine {
	return new Machine(containerOptions(options));
}

const containerOptions = (options: MachineOptions): MachineOptions => ({
	...options,
	memoryMB: containerMemoryMB,
	disks: [copyOf(installedRawDisk)],
});

/** A machine with the installed system, switched off, on any hardware. */
export function installedMachine(
	test: TestFn,
	options: MachineOptions,
): Machine {
	const machine = machineForTests(test, {
		...options,
		disks: [overlayOn(installedDisk)],
	});
	test.before("the system was installed", async (t) => {
		t.timeout(timeLimit(20 * 60_000));
		await machine.disks();
	});
	return machine;
}

function base(): Promise<string> {
	return madeOnce("base", builtImage("qcow2"), async (directory) => {
		await install(directory);
		await makeRunning(directory);
	});
}

async function install(directory: string): Promise<void> {
	const image: DiskFile = { path: builtImage("img"), format: "raw" };
	const machine = new Machine({
		name: "base",
		...runningHardware,
		disks: [overlayOn(image)],
	});
	try {
		await machine.boot();
		await watchInstallation(machine);
		await loginPage(machine);
		await machine.console.login(...logins.root);
		await switchOff(machine);
		const [disk] = await machine.disks();
		await $({
			quiet: true,
		})`qemu-img convert -O qcow2 ${disk?.path} ${join(directory, "installed.qcow2")}`;
	} finally {
		await machine.discard();
	}
}

async function makeRunning(directory: string): Promise<void> {
	const installed: DiskFile = {
		path: join(directory, "installed.qcow2"),
		format: "qcow2",
	};
	const machine = new Machine({
		name: "base-running",
		...runningHardware,
		disks: [copyOf(installed)],
	});
	try {
		await machine.boot();
		await loginPage(machine);
		await machine.console.expect("login: ");
		await machine.saveSnapshot(snapshot);
		await machine.cutPower();
		const [disk] = await machine.disks();
		await $({
			quiet: true,
		})`cp --sparse=always ${disk?.path} ${join(directory, "running.qcow2")}`;
	} finally {
		await machine.discard();
	}
}
