import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { newGateway } from "./system/gateway-boot.ts";
import {
	installNotes,
	notesPage,
	notesPath,
	openNotes,
} from "./system/notes.ts";
import { memoryFigures, report } from "./system/report.ts";
import { loginPage, outputOf, watchInstallation } from "./system/steps.ts";

// An app on the smallest machine, an ARMv7 gateway with 256 MB.
const minute = 60_000;
const machine = newGateway(test, "arm", "gateway-app");

test.serial("a gateway with 256 MB runs an app", async (t) => {
	t.timeout(timeLimit(20 * minute));
	await machine.boot();
	await watchInstallation(machine, { timeoutMs: 15 * minute });
	await loginPage(machine, { timeoutMs: 12 * minute });
	const createInstance = await installNotes(machine);
	await createInstance("example.com");
	const path = notesPath("example.com");
	t.regex(await notesPage(machine, path), /<title>Notes<\/title>/);
	t.is((await openNotes(machine, path)).text, "");
	const memory = await memoryFigures(machine.console);
	await report("gateway arm with an app", { memory });
	t.true(memory.availableKilobytes > 20_000);
	const kernel = await outputOf(machine.console, "dmesg");
	t.notRegex(kernel, /Out of memory|oom-kill/i);
});
