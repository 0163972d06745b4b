import test from "ava";
import { temporaryDirectory, timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { bombUpdate } from "./system/bomb.ts";
import { dataFound, leaveData } from "./system/kept.ts";
import { startAfresh } from "./system/rescue.ts";
import { loginPage, logins } from "./system/steps.ts";
import {
	installedByRamdisk,
	installUpdate,
	nextBuild,
	runningBuild,
	takesAnotherUpdate,
	updateResult,
	uploadUpdate,
} from "./system/update.ts";

const minute = 60_000;
const machine = installedMachine(test, { name: "zip-bomb" });

test.serial(
	"an archive that lies about its size is given up, and the system before is back",
	async (t) => {
		t.timeout(timeLimit(30 * minute));
		await machine.boot();
		await loginPage(machine);
		await machine.console.login(...logins.root);
		await leaveData(machine.console);
		const kept = await dataFound(machine.console);
		const oldBuild = await runningBuild(machine.console);
		const folder = temporaryDirectory();
		t.teardown(() => folder.remove());
		await uploadUpdate(
			machine,
			await bombUpdate(folder.path, { isLying: true }),
		);
		await installUpdate(machine);
		await machine.console.expect("The update is given up", {
			timeoutMs: 10 * minute,
		});
		await startAfresh(machine);
		await installedByRamdisk(machine);
		await loginPage(machine);
		const { reason } = await updateResult(machine, nextBuild, "rolled-back");
		t.regex(reason, /./);
		t.log(reason);
		await machine.console.login(...logins.root);
		t.is(await runningBuild(machine.console), oldBuild);
		t.deepEqual(await dataFound(machine.console), kept);
	},
);

test.serial("and another update is taken", async (t) => {
	t.timeout(timeLimit(20 * minute));
	await machine.cutPower();
	await machine.boot();
	await takesAnotherUpdate(machine);
	t.pass();
});
