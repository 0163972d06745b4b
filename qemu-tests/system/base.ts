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
import { cachedDirectory } from "./cached-directory.ts";
import { loginPage, logins, switchOff, watchInstallation } from "./steps.ts";

const snapshot = "running";

/** A snapshot can only be resumed on the same hardware. */
const runningHardware = { guestAgent: "virtio", memoryMB: 512 } as const;

/** HAProxy derives its number of open files from it; a host may allow 20,000. */
export const containerMemoryMB = 384;

/** Returns a disk after installation, first boot and shutdown. Never write to it. */
export async function installedDisk(): Promise<DiskFile> {
	return { path: join(await base(), "installed.qcow2"), format: "qcow2" };
}

/** Returns the same disk in raw format, for containers. Never write to it. */
export async function installedRawDisk(): Promise<DiskFile> {
	const raw = rawCopyOf(installedDisk);
	const directory = await cachedDirectory(
		"raw",
		builtImage("qcow2"),
		async (into) => {
			await raw(into, "installed");
		},
	);
	return { path: join(directory, "installed.raw"), format: "raw" };
}

/** Returns the same disk with a snapshot of the running system. Never write to it. */
async function runningDisk(): Promise<DiskFile> {
	return { path: join(await base(), "running.qcow2"), format: "qcow2" };
}

/**
 * Returns a machine for the tests of a file that resumes a snapshot where the login page is served and a getty waits on
 * the console. Takes seconds instead of a boot. Its clock lags behind.
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
		// The getty's prompt was shown before the snapshot: request another.
		machine.console.send("\n");
	});
	return machine;
}

/**
 * Returns a machine for the tests of a file that do not depend on kernel, disks and power: the installed system in a
 * container, booted up to the login page.
 * @param lan is stopped after the tests.
 */
export function runningContainer(
	test: TestFn,
	name: string,
	{
		hostServices = [],
		lan = new Lan(),
	}: { hostServices?: readonly HostService[]; lan?: Lan } = {},
): Machine {
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

/** Returns a container with the installed system, switched off. */
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

/** Returns a machine with the installed system, switched off, on any hardware. */
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
	return cachedDirectory("base", builtImage("qcow2"), async (directory) => {
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
