import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { logDirectory } from "./machine/build-output.ts";
import { Machine } from "./machine/machine.ts";
import { machineTests } from "./machine-tests.ts";
import { runningMachine } from "./system/base.ts";

const machine = runningMachine(test, "harness");

machineTests(test, machine);

test.serial("waiting for text that never comes times out", async (t) => {
	const error = await t.throwsAsync(
		machine.console.expect("a word that never comes", { timeoutMs: 200 }),
	);
	t.regex(error?.message ?? "", /never comes.*no match within/);
});

test.serial("a snapshot restores memory and disk", async (t) => {
	await machine.saveSnapshot("before");
	await machine.console.run("touch /root-was-here; sync");
	await machine.loadSnapshot("before");
	t.not((await machine.console.run("test -e /root-was-here")).exitCode, 0);
});

test.serial("a screenshot is a PNG file", async (t) => {
	const path = join(logDirectory, "harness-screen.png");
	await machine.screenshot(path);
	const signature = (await readFile(path)).subarray(1, 4).toString("latin1");
	t.is(signature, "PNG");
	await rm(path);
});

test.serial("reset and cutPower work", async (t) => {
	await machine.reset();
	await machine.console.expect("Linux version", { timeoutMs: 60_000 });
	await machine.cutPower();
	t.throws(() => machine.console, { message: /is off/ });
});

test("an error of QEMU is passed on", async (t) => {
	const wrong = new Machine({ name: "wrong", memoryMB: -1 });
	t.teardown(() => wrong.discard());
	await t.throwsAsync(wrong.boot(), { message: /QEMU did not start: .*size/ });
});
