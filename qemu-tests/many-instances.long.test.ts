import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { memoryFigures } from "./system/memory.ts";
import { installNotes, notesOf, notesPage, openNotes } from "./system/notes.ts";
import { report } from "./system/report.ts";
import { outputOf } from "./system/steps.ts";

// Fifty instances on a machine of 512 MB, which is the default of a virtual machine.
const minute = 60_000;
const count = 50;
const machine = runningMachine(test, "many-instances");
const domains = Array.from(
	{ length: count },
	(_, number) => `example${number}.com`,
);

test.serial(
	"fifty instances are made, and each has its own notes",
	async (t) => {
		t.timeout(timeLimit(30 * minute));
		const createInstance = await installNotes(machine);
		const start = performance.now();
		for (const domain of domains) await createInstance(domain);
		const secondsToMakeAll = Math.round((performance.now() - start) / 1000);
		for (const path of domains.map(notesOf)) {
			t.regex(await notesPage(machine, path), /<title>Notes<\/title>/);
			const { socket, text } = await openNotes(machine, path);
			t.is(text, "");
			socket.terminate();
		}
		await report("fifty instances", { secondsToMakeAll });
	},
);

test.serial("there is memory left", async (t) => {
	t.timeout(timeLimit(3 * minute));
	const memory = await memoryFigures(machine.console);
	const cgroup = await outputOf(
		machine.console,
		"cat /sys/fs/cgroup/apps/notes/memory.current",
	);
	await report("fifty instances", { memory, serviceBytes: Number(cgroup) });
	t.true(memory.availableKilobytes > 50_000, `${memory.availableKilobytes} KB`);
	const kernel = await outputOf(machine.console, "dmesg");
	t.notRegex(kernel, /Out of memory|oom-kill/i);
});
