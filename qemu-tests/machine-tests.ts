import { readFile } from "node:fs/promises";
import type { TestFn } from "ava";
import type { Machine } from "./machine/machine.ts";
import { logins } from "./system/steps.ts";

/** Tests that apply to both kinds of machine. The machine runs, and a getty waits on its console. */
export function machineTests(test: TestFn, machine: Machine): void {
	test.serial("a command returns its exit code and output", async (t) => {
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
		"a command may have several lines, quotes and long output",
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

	test.serial("a command over SSH returns code and output", async (t) => {
		const ssh = await machine.ssh(...logins.admin);
		t.deepEqual(await ssh.run("cat; exit 4", { input: "typed" }), {
			exitCode: 4,
			output: "typed",
		});
		ssh.close();
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
}
