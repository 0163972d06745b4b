import test from "ava";
import { temporaryDirectory, timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { readOwnerData, writeOwnerData } from "./system/owner-data.ts";
import { powerCycleAfterReboot } from "./system/rescue.ts";
import { loginPage, logins } from "./system/steps.ts";
import {
	installAnotherUpdate,
	installUpdate,
	nextBuild,
	runningBuild,
	updateResult,
	uploadUpdate,
	waitForRescueInstall,
} from "./system/update.ts";
import { zipBombUpdate } from "./system/zip-bomb.ts";

const minute = 60_000;
const machine = installedMachine(test, { name: "zip-bomb" });

test.serial(
	"an archive with a false size rolls back to the previous system",
	async (t) => {
		t.timeout(timeLimit(30 * minute));
		await machine.boot();
		await loginPage(machine);
		await machine.console.login(...logins.root);
		await writeOwnerData(machine.console);
		const kept = await readOwnerData(machine.console);
		const oldBuild = await runningBuild(machine.console);
		const directory = temporaryDirectory();
		t.teardown(() => directory.remove());
		await uploadUpdate(
			machine,
			await zipBombUpdate(directory.path, { isLying: true }),
		);
		await installUpdate(machine);
		await machine.console.expect("The update is given up", {
			timeoutMs: 10 * minute,
		});
		await powerCycleAfterReboot(machine);
		await waitForRescueInstall(machine);
		await loginPage(machine);
		const { reason } = await updateResult(machine, nextBuild, "rolled-back");
		t.regex(reason, /./);
		t.log(reason);
		await machine.console.login(...logins.root);
		t.is(await runningBuild(machine.console), oldBuild);
		t.deepEqual(await readOwnerData(machine.console), kept);
	},
);

test.serial("another update can be installed", async (t) => {
	t.timeout(timeLimit(20 * minute));
	await machine.cutPower();
	await machine.boot();
	await installAnotherUpdate(machine);
	t.pass();
});
