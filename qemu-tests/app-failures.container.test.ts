import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import {
	installNotes,
	notesOf,
	notesPage,
	notesThere,
} from "./system/notes.ts";
import { killProcess, processes } from "./system/processes.ts";
import { report } from "./system/report.ts";
import { loginPage, outputOf } from "./system/steps.ts";
import { Traffic } from "./system/traffic.ts";

// People use two instances of an app, and whatever is killed meanwhile, no edit of theirs is lost.
const minute = 60_000;
const machine = runningContainer(test, "app-failures");
const paths = ["example.com", "example.org"].map(notesOf);
/** What was written last. */
let texts: Record<string, string> = {};

test.serial("two instances are there", async (t) => {
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
	test.serial(`people go on and lose nothing after ${name}`, async (t) => {
		t.timeout(timeLimit(8 * minute));
		const traffic = new Traffic(machine, paths);
		t.teardown(async () => void (await traffic.stop()));
		await traffic.flows();
		await killProcess(machine, command, signal);
		await traffic.flows();
		const { lost, texts: written, ...figures } = await traffic.stop();
		t.deepEqual(lost, []);
		texts = written;
		await textsAreThere();
		await report(name, figures);
	});

test.serial("only one process of the service is left", async (t) => {
	const pids = await outputOf(
		machine.console,
		"cat /sys/fs/cgroup/apps/notes/cgroup.procs",
	);
	t.is(pids.trim().split(/\s+/).length, 1, pids);
});

test.serial("all is there again after a restart of the machine", async (t) => {
	t.timeout(timeLimit(8 * minute));
	machine.console.send("reboot\n");
	await machine.waitForReboot({ timeoutMs: 2 * minute });
	await loginPage(machine);
	await textsAreThere();
	t.pass();
});

async function textsAreThere(): Promise<void> {
	for (const [path, text] of Object.entries(texts))
		await notesThere(machine, path, text);
}
