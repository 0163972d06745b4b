import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { memoryFigures } from "./system/memory.ts";
import { notesPage, openNotes, putStore, storeFolder } from "./system/notes.ts";
import { report } from "./system/report.ts";
import { managerSession, outputOf } from "./system/steps.ts";

// Fifty instances on a machine of 512 MB, which is the default of a virtual machine.
const minute = 60_000;
const count = 50;
const machine = runningMachine(test, "many-instances");
const paths = Array.from(
	{ length: count },
	(_, number) => `/example${number}.com/notes/`,
);

test.serial(
	"fifty instances are made, and each has its own notes",
	async (t) => {
		t.timeout(timeLimit(30 * minute));
		await putStore(machine);
		const call = await managerSession(machine);
		await call("storeUrlChange", { url: storeFolder });
		await call("serviceInstall", { id: "app-platform_notes" });
		const start = performance.now();
		for (const path of paths)
			await call("instanceCreate", {
				serviceId: "app-platform_notes",
				name: "notes",
				domain: path.split("/")[1],
			});
		const secondsToMakeAll = Math.round((performance.now() - start) / 1000);
		for (const path of paths) {
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
