import test from "ava";
import { builtUpdate, timeLimit } from "./machine/index.ts";
import {
	livedInMachine,
	livedInState,
	openSessions,
	ownLogins,
} from "./system/lived-in/index.ts";
import { loginPage, managerSession, outputOf } from "./system/steps.ts";
import {
	failTrials,
	installedByRamdisk,
	installUpdate,
	nextBuild,
	runningBuild,
	updateResult,
	uploadUpdate,
} from "./system/update.ts";

const minute = 60_000;
const { machine, before } = livedInMachine(test, { name: "update-lived-in" });
let oldBuild = 0;

test.serial("an owner uploads an update", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
	await openSessions(machine);
	oldBuild = await runningBuild(machine.console);
	await uploadUpdate(machine, builtUpdate("next"));
	const call = await managerSession(machine);
	t.like(await call("updateCheck"), { build: nextBuild, target: "x86_64" });
});

test.serial("the rescue system installs it", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await installUpdate(machine);
	await t.notThrowsAsync(installedByRamdisk(machine));
});

test.serial("the new system, once healthy, stays", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await machine.console.expect("on trial (1 of 3)", {
		timeoutMs: 3 * minute,
	});
	await loginPage(machine);
	const { reason } = await updateResult(machine, nextBuild, "installed");
	t.is(reason, "");
	await machine.console.login(...ownLogins.root);
	t.is(await runningBuild(machine.console), nextBuild);
	t.deepEqual(await livedInState(machine), before());
	t.regex(await bootState(), /^DEFAULT=system\nSLOT=b\nUPDATE=none$/m);
});

test.serial("an older one has to be meant", async (t) => {
	t.timeout(timeLimit(6 * minute));
	await uploadUpdate(machine, builtUpdate("out"));
	const call = await managerSession(machine);
	await t.throwsAsync(call("updateInstall"), {
		message: /not newer than what runs .*confirm/,
	});
	await installUpdate(machine, { allowOlder: true });
	await installedByRamdisk(machine);
});

test.serial(
	"after three failed starts the system before is back",
	async (t) => {
		t.timeout(timeLimit(15 * minute));
		await failTrials(machine);
		await installedByRamdisk(machine);
		await loginPage(machine);
		const { reason } = await updateResult(machine, oldBuild, "rolled-back");
		t.is(reason, "the new system was not healthy in 3 starts");
		await machine.console.login(...ownLogins.root);
		t.is(await runningBuild(machine.console), nextBuild);
		t.deepEqual(await livedInState(machine), before());
		t.regex(await bootState(), /^DEFAULT=system\nSLOT=b\nUPDATE=none$/m);
	},
);

function bootState(): Promise<string> {
	return outputOf(machine.console, "/usr/lib/app-platform/boot-partition show");
}
