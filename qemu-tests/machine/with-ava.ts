import { readFileSync } from "node:fs";
import type { ExecutionContext, TestFn } from "ava";
import { Machine, type MachineOptions } from "./machine.ts";

const shownOnFailure = 4_000;

/** A machine that the serial tests of a file share. Not switched on yet. */
export function machineForTests(
	test: TestFn,
	options: MachineOptions,
): Machine {
	const machine = new Machine(options);
	test.afterEach.always((t) => showLogOfFailure(t, machine));
	test.after.always(() => machine.discard());
	return machine;
}

/** A machine of one test alone. Not switched on yet. */
export function machineForTest(
	t: ExecutionContext,
	options: MachineOptions,
): Machine {
	const machine = new Machine(options);
	t.teardown(async () => {
		showLogOfFailure(t, machine);
		await machine.discard();
	});
	return machine;
}

function showLogOfFailure(t: ExecutionContext, machine: Machine): void {
	if (t.passed) return;
	t.log(`End of ${machine.serialLog}:\n${endOfLog(machine.serialLog)}`);
}

function endOfLog(path: string): string {
	try {
		return readFileSync(path, "utf8").slice(-shownOnFailure);
	} catch {
		return "(nothing was written)";
	}
}
