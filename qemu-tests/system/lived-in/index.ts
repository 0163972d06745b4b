import type { TestFn } from "ava";
import {
	Lan,
	type Machine,
	type MachineOptions,
	machineForTests,
	overlayOn,
	rawCopyOf,
	type TargetName,
	timeLimit,
} from "../../machine/index.ts";
import { containerMemoryMB } from "../base.ts";
import { setLoginsOf } from "../steps.ts";
import { ownLogins } from "./logins.ts";
import { livedInDisk } from "./make.ts";
import type { State } from "./state.ts";

export { filesPassword } from "./apps.ts";
export { ownLogins } from "./logins.ts";
export { type LivedInDisk, livedInDisk } from "./make.ts";
export { findOwnerText } from "./owner-text.ts";
export { openSessions } from "./sessions.ts";
export { livedInState, without } from "./state.ts";

/**
 * Returns a machine with the data and settings of an owner, switched off, and the state that must be found on it
 * later.
 */
export function livedInMachine(
	test: TestFn,
	options: MachineOptions,
): LivedInMachine {
	return livedIn(test, { ...options, disks: [overlayOn(diskOf(options))] });
}

/** Like `livedInMachine`, as a container. */
export function livedInContainer(test: TestFn, name: string): LivedInMachine {
	const lan = new Lan();
	test.after.always(() => lan.stop());
	return livedIn(test, {
		...{ name, lan, memoryMB: containerMemoryMB },
		disks: [rawCopyOf(diskOf({}))],
	});
}

interface LivedInMachine {
	machine: Machine;
	before(): State;
}

const diskOf =
	({ target }: { target?: TargetName }) =>
	async () =>
		(await livedInDisk(target)).disk;

function livedIn(test: TestFn, options: MachineOptions): LivedInMachine {
	const machine = machineForTests(test, options);
	setLoginsOf(machine, ownLogins);
	let before: State;
	test.before("the lived-in disk exists", async (t) => {
		t.timeout(timeLimit(30 * 60_000));
		({ state: before } = await livedInDisk(options.target));
		await machine.disks();
	});
	return { machine, before: () => before };
}
