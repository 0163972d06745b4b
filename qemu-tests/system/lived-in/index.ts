import type { TestFn } from "ava";
import {
	type Machine,
	type MachineOptions,
	machineForTests,
	overlayOn,
	timeLimit,
} from "../../machine/index.ts";
import { setLoginsOf } from "../steps.ts";
import { ownLogins } from "./logins.ts";
import { livedInDisk } from "./make.ts";
import type { State } from "./state.ts";

export { filesPassword } from "./apps.ts";
export { ownLogins } from "./logins.ts";
export { type LivedInDisk, livedInDisk } from "./make.ts";
export { openSessions } from "./sessions.ts";
export { stateOf as livedInState, without } from "./state.ts";
export { wordsLeftOn } from "./words.ts";

/**
 * A machine on whose disk an owner has lived, switched off, and the state that must be found on
 * it again.
 */
export function livedInMachine(
	test: TestFn,
	options: MachineOptions,
): { machine: Machine; before: () => State } {
	const { target = "x86_64" } = options;
	const machine = machineForTests(test, {
		...options,
		disks: [overlayOn(async () => (await livedInDisk(target)).disk)],
	});
	setLoginsOf(machine, ownLogins);
	let before: State;
	test.before("somebody has lived on the machine", async (t) => {
		t.timeout(timeLimit(30 * 60_000));
		({ state: before } = await livedInDisk(target));
		await machine.disks();
	});
	return { machine, before: () => before };
}
