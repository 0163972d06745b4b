import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { newGateway } from "./system/gateway-starts.ts";
import { memoryFigures } from "./system/memory.ts";
import { notesPage, openNotes, putStore, storeFolder } from "./system/notes.ts";
import { report } from "./system/report.ts";
import {
	loginPage,
	managerSession,
	outputOf,
	watchInstallation,
} from "./system/steps.ts";

// The smallest machine there is, an ARMv7 gateway of 256 MB, with an app.
const minute = 60_000;
const machine = newGateway(test, "arm", "gateway-app");

test.serial("a gateway of 256 MB runs an app", async (t) => {
	t.timeout(timeLimit(20 * minute));
	await machine.boot();
	await watchInstallation(machine, { timeoutMs: 15 * minute });
	await loginPage(machine, { timeoutMs: 12 * minute });
	await putStore(machine);
	const call = await managerSession(machine);
	await call("storeUrlChange", { url: storeFolder });
	await call("serviceInstall", { id: "app-platform_notes" });
	await call("instanceCreate", {
		serviceId: "app-platform_notes",
		name: "notes",
		domain: "example.com",
	});
	const path = "/example.com/notes/";
	t.regex(await notesPage(machine, path), /<title>Notes<\/title>/);
	t.is((await openNotes(machine, path)).text, "");
	const memory = await memoryFigures(machine.console);
	await report("gateway arm with an app", { memory });
	t.true(memory.availableKilobytes > 20_000);
	const kernel = await outputOf(machine.console, "dmesg");
	t.notRegex(kernel, /Out of memory|oom-kill/i);
});
