import { once } from "node:events";
import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import {
	installNotes,
	notesPage,
	notesPath,
	openNotes,
	waitForNotes,
} from "./system/notes.ts";
import { killProcess, processes } from "./system/processes.ts";
import { memoryFigures, report } from "./system/report.ts";
import { outputOf } from "./system/steps.ts";

// Fifty instances on a machine with 512 MB, the default of a virtual machine.
const minute = 60_000;
const count = 50;
const machine = runningMachine(test, "many-instances");
const domains = Array.from(
	{ length: count },
	(_, number) => `example${number}.com`,
);

test.serial("fifty instances are created and answer", async (t) => {
	t.timeout(timeLimit(30 * minute));
	const createInstance = await installNotes(machine);
	const secondsToMakeAll = await seconds(async () => {
		for (const domain of domains) await createInstance(domain);
	});
	for (const path of domains.map(notesPath))
		t.regex(await notesPage(machine, path), /<title>Notes<\/title>/);
	await report("fifty instances", { secondsToMakeAll });
});

test.serial("all are used at once, each with its own text", async (t) => {
	t.timeout(timeLimit(15 * minute));
	const clients = [];
	for (const domain of domains) {
		const { socket, text } = await openNotes(machine, notesPath(domain));
		t.is(text, "");
		clients.push({ socket, domain });
	}
	await Promise.all(
		clients.map(async ({ socket, domain }) => {
			socket.send(`of ${domain}`);
			const [seen] = await once(socket, "message");
			t.is(String(seen), `of ${domain}`);
		}),
	);
	const memory = await memoryFigures(machine.console);
	const serviceBytes = await outputOf(
		machine.console,
		"cat /sys/fs/cgroup/apps/notes/memory.current",
	);
	await report("fifty instances", {
		...{ memory, serviceBytes: Number(serviceBytes) },
	});
	t.true(memory.availableKilobytes > 50_000, `${memory.availableKilobytes} KB`);
	for (const { socket } of clients) socket.terminate();
});

test.serial("all are back after kill -9 of the manager", async (t) => {
	t.timeout(timeLimit(15 * minute));
	const secondsToComeBack = await seconds(async () => {
		await killProcess(machine, processes.manager);
		for (const domain of domains)
			await waitForNotes(machine, notesPath(domain), `of ${domain}`);
	});
	await report("fifty instances", { secondsToComeBack });
	const kernel = await outputOf(machine.console, "dmesg");
	t.notRegex(kernel, /Out of memory|oom-kill/i);
});

async function seconds(work: () => Promise<void>): Promise<number> {
	const start = performance.now();
	await work();
	return Math.round((performance.now() - start) / 1000);
}
