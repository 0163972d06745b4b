import test from "ava";
import { timeLimit } from "./machine/index.ts";
import {
	livedInMachine,
	livedInState,
	ownLogins,
} from "./system/lived-in/index.ts";
import { enterRescue, restart, runUntilRestart } from "./system/rescue.ts";
import { loginPage, outputOf, watchInstallation } from "./system/steps.ts";

const minute = 60_000;
const command = "/home/root/install.sh log.txt";
const { machine, before } = livedInMachine(test, {
	name: "reinstall",
});

test.serial("an owner damages the system", async (t) => {
	t.timeout(timeLimit(6 * minute));
	await machine.boot();
	await machine.console.login(...ownLogins.root);
	await outputOf(machine.console, "touch /left-over; rm /usr/bin/psql; sync");
	await restart(machine);
	t.pass();
});

test.serial("the rescue system reinstalls the system", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await enterRescue(machine, ownLogins.root[1]);
	const shown = await runUntilRestart(machine, command);
	t.regex(shown, /Keeping the data on/);
	await loginPage(machine);
	t.pass();
});

test.serial("keeps apps, data and settings", async (t) => {
	t.timeout(timeLimit(6 * minute));
	await machine.console.login(...ownLogins.root);
	t.deepEqual(await livedInState(machine), before());
});

test.serial("nothing of the old system is left", async (t) => {
	const { console } = machine;
	t.not((await console.run("test -e /left-over")).exitCode, 0);
	const log = await outputOf(console, "cat /apps/install_step1.log");
	t.is(log.trim().split("\n").at(-1), "finished");
	t.regex(
		await outputOf(console, "head -n 1 /boot/grub/grub.cfg"),
		/^set default=1$/m,
	);
});

test.serial("resumes by itself after a power cut", async (t) => {
	t.timeout(timeLimit(12 * minute));
	await restart(machine);
	await enterRescue(machine, ownLogins.root[1]);
	machine.console.send(`${command}\n`);
	await machine.console.expect(/^ *[2-9]\d %/m, {
		timeoutMs: 2 * minute,
	});
	await machine.cutPower();
	await machine.boot();
	await watchInstallation(machine);
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
	t.deepEqual(await livedInState(machine), before());
});
