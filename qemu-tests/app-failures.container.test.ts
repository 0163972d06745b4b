import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import {
	installNotes,
	notesPage,
	notesPath,
	waitForNotes,
} from "./system/notes.ts";
import { killProcess, processes } from "./system/processes.ts";
import { report } from "./system/report.ts";
import { loginPage, outputOf } from "./system/steps.ts";
import { Traffic } from "./system/traffic.ts";

// Clients use two instances of an app. Whatever process is killed meanwhile, no edit is lost.
const minute = 60_000;
const machine = runningContainer(test, "app-failures");
const paths = ["example.com", "example.org"].map(notesPath);
/** The last text of each instance. */
let texts: Record<string, string> = {};

test.serial("two instances exist", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const createInstance = await installNotes(machine);
	for (const domain of ["example.com", "example.org"])
		await createInstance(domain);
	for (const path of paths)
		t.regex(await notesPage(machine, path), /<title>Notes<\/title>/);
});

for (const [name, command, signal] of [
	["kill -9 of the service", processes.notes, "KILL"],
	["kill -9 of HAProxy", processes.haproxy, "KILL"],
	["kill -9 of PostgreSQL", processes.postgresql, "KILL"],
	["kill -9 of the manager", processes.manager, "KILL"],
	["a crash of the service", processes.notes, "SEGV"],
] as const)
	test.serial(`clients reconnect and lose nothing after ${name}`, async (t) => {
		t.timeout(timeLimit(8 * minute));
		const traffic = new Traffic(machine, paths);
		t.teardown(async () => void (await traffic.stop()));
		await traffic.waitForAnswers();
		await killProcess(machine, command, signal);
		await traffic.waitForAnswers();
		const { lost, texts: written, ...figures } = await traffic.stop();
		t.deepEqual(lost, []);
		texts = written;
		await waitForTexts();
		await report(name, figures);
	});

test.serial("only one process of the service is left", async (t) => {
	const pids = await outputOf(
		machine.console,
		"cat /sys/fs/cgroup/apps/notes/cgroup.procs",
	);
	t.is(pids.trim().split(/\s+/).length, 1, pids);
});

test.serial("all text is there after a restart of the machine", async (t) => {
	t.timeout(timeLimit(8 * minute));
	machine.console.send("reboot\n");
	await machine.waitForReboot({ timeoutMs: 2 * minute });
	await loginPage(machine);
	await waitForTexts();
	t.pass();
});

async function waitForTexts(): Promise<void> {
	for (const [path, text] of Object.entries(texts))
		await waitForNotes(machine, path, text);
}
