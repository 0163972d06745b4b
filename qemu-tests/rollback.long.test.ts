import test from "ava";
import { builtUpdate, timeLimit } from "./machine/index.ts";
import {
	livedInMachine,
	livedInState,
	openSessions,
	ownLogins,
} from "./system/lived-in/index.ts";
import { loginPage, outputOf } from "./system/steps.ts";
import {
	failTrials,
	installUpdate,
	nextBuild,
	runningBuild,
	updateResult,
	uploadUpdate,
	waitForRescueInstall,
} from "./system/update.ts";

const minute = 60_000;
const { machine, before } = livedInMachine(test, { name: "rollback" });
let oldBuild = 0;

test.serial("an owner installs an update", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
	await openSessions(machine);
	oldBuild = await runningBuild(machine.console);
	await uploadUpdate(machine, builtUpdate("next"));
	await installUpdate(machine);
	await t.notThrowsAsync(waitForRescueInstall(machine));
});

test.serial(
	"three failed trial boots roll back to the previous system",
	async (t) => {
		t.timeout(timeLimit(15 * minute));
		await failTrials(machine);
		await waitForRescueInstall(machine);
		await loginPage(machine);
		const { reason } = await updateResult(machine, nextBuild, "rolled-back");
		t.is(reason, "the new system was not healthy in 3 starts");
		await machine.console.login(...ownLogins.root);
		t.is(await runningBuild(machine.console), oldBuild);
		t.deepEqual(await livedInState(machine), before());
		t.regex(
			await outputOf(
				machine.console,
				"/usr/lib/app-platform/boot-partition show",
			),
			/^DEFAULT=system\nSLOT=a\nUPDATE=none$/m,
		);
	},
);
