import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { runningMachine } from "../system/base.ts";
import { logins } from "../system/steps.ts";
import { Machine } from "./machine.ts";
import { logDirectory } from "./places.ts";

const machine = runningMachine(test, "harness");

test.serial("a command gives its exit code and its output", async (t) => {
	await machine.console.login(...logins.root);
	t.deepEqual(await machine.console.run("echo one; echo two >&2; exit 3"), {
		exitCode: 3,
		output: "one\ntwo\n",
	});
	t.deepEqual(await machine.console.run("printf 'no end of line'"), {
		exitCode: 0,
		output: "no end of line",
	});
});

test.serial(
	"a command may have many lines, quotes and much output",
	async (t) => {
		const { output } = await machine.console.run(`
		for word in 'a b' "c d"; do # in quotes
			echo "$word"
		done
		seq 1 2000`);
		t.is(output.split("\n").length, 2 + 2000 + 1);
		t.true(output.startsWith("a b\nc d\n1\n2\n"));
	},
);

test.serial("the same over SSH", async (t) => {
	const ssh = await machine.ssh(...logins.admin);
	t.deepEqual(await ssh.run("cat; exit 4", { input: "typed" }), {
		exitCode: 4,
		output: "typed",
	});
	ssh.close();
});

test.serial(
	"what nobody says is not waited for longer than allowed",
	async (t) => {
		const error = await t.throwsAsync(
			machine.console.expect("a word that never comes", { timeoutMs: 200 }),
		);
		t.regex(error?.message ?? "", /never comes.*nothing such within/);
	},
);

test.serial("a snapshot brings memory and disk back", async (t) => {
	await machine.saveSnapshot("before");
	await machine.console.run("touch /root-was-here; sync");
	await machine.loadSnapshot("before");
	t.not((await machine.console.run("test -e /root-was-here")).exitCode, 0);
});

test.serial("the screen can be looked at", async (t) => {
	const path = join(logDirectory, "harness-screen.png");
	await machine.screenshot(path);
	const signature = (await readFile(path)).subarray(1, 4).toString("latin1");
	t.is(signature, "PNG");
	await rm(path);
});

test.serial("a WebSocket reaches the guest", async (t) => {
	const socket = machine.websocket("/nowhere");
	const status = await new Promise((resolve) => {
		socket.on("unexpected-response", (_request, response) =>
			resolve(response.statusCode),
		);
		socket.on("error", () => {});
	});
	t.is(status, 404);
});

test.serial("the serial log is kept", async (t) => {
	t.regex(await readFile(machine.serialLog, "utf8"), /a b/);
});

test.serial("the machine resets and loses its power when told", async (t) => {
	await machine.reset();
	await machine.console.expect("Linux version", { timeoutMs: 60_000 });
	await machine.cutPower();
	t.throws(() => machine.console, { message: /is off/ });
});

test("what QEMU refuses is told in its own words", async (t) => {
	const wrong = new Machine({ name: "wrong", memoryMB: -1 });
	t.teardown(() => wrong.discard());
	await t.throwsAsync(wrong.boot(), { message: /QEMU did not start: .*size/ });
});
