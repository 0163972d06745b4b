import { readFileSync } from "node:fs";
import type { ExecutionContext, TestFn } from "ava";
import { Machine, type MachineOptions } from "./machine.ts";

const maxShownLength = 4_000;

/** Returns a machine that the serial tests of a file share. It is off. */
export function machineForTests(
	test: TestFn,
	options: MachineOptions,
): Machine {
	const machine = new Machine(options);
	test.afterEach.always((t) => showLogOfFailure(t, machine));
	test.after.always(() => machine.discard());
	return machine;
}

/** Returns a machine for one test. It is off. */
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
		return readFileSync(path, "utf8").slice(-maxShownLength);
	} catch {
		return "(nothing was written)";
	}
}
