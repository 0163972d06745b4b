import test from "ava";
import { timeLimit } from "./machine/index.ts";
import {
	livedInMachine,
	livedInState,
	ownLogins,
} from "./system/lived-in/index.ts";
import { resizeDisk } from "./system/partitions.ts";
import { enterRescue, restart, runUntilRestart } from "./system/rescue.ts";
import {
	checkFileSystems,
	loginPage,
	outputOf,
	switchOff,
} from "./system/steps.ts";

// The documented use of the rescue system, on a machine with an owner's data.
const minute = 60_000;
const { machine, before } = livedInMachine(test, { name: "rescue-lived-in" });

test.serial("both file systems pass a check", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await machine.boot();
	await enterRescue(machine, ownLogins.root[1]);
	for (const output of await checkFileSystems(machine.console))
		t.regex(output, /files \([\d.]+% non-contiguous\)/);
});

test.serial("a destroyed superblock is restored from its backup", async (t) => {
	t.timeout(timeLimit(8 * minute));
	const { console } = machine;
	await outputOf(console, "dd if=/dev/zero of=/dev/sda2 bs=1k seek=1 count=1");
	t.not((await console.run("e2fsck -p -f /dev/sda2")).exitCode, 0);
	const { exitCode, output } = await console.run(
		"e2fsck -f -y -b 32768 /dev/sda2",
		{ timeoutMs: 5 * minute },
	);
	t.is(exitCode, 1, output);
	await checkFileSystems(console);
});

test.serial("the repair loses nothing", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await restart(machine);
	await loginPage(machine);
	t.deepEqual(await livedInState(machine), before());
});

test.serial("enlarging the disk loses nothing", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await machine.console.login(...ownLogins.root);
	await switchOff(machine);
	await resizeDisk(machine, { toMiB: 20_000 });
	await machine.boot();
	await enterRescue(machine, ownLogins.root[1]);
	await runUntilRestart(machine, "/home/root/install.sh log.txt resize");
	await loginPage(machine);
	t.deepEqual(await livedInState(machine), before());
});
