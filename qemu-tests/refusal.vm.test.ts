import test from "ava";
import {
	builtImage,
	copyOf,
	type Machine,
	machineForTest,
	timeLimit,
} from "./machine/index.ts";
import { imageWithDamaged } from "./system/damaged-image.ts";
import { logins, outputOf } from "./system/steps.ts";

test.serial("a disk too small is refused with the minimum size", async (t) => {
	t.timeout(timeLimit(4 * 60_000));
	const machine = machineForTest(t, {
		name: "disk-too-small",
		disks: [
			copyOf({ path: builtImage("img"), format: "raw" }, { sizeMB: 1_200 }),
		],
	});
	await machine.boot();
	await machine.console.expect(/at least \d+ (MiB|MB|GB)/, {
		timeoutMs: 120_000,
	});
	await assertStaysAtPrompt(machine);
	const table = await outputOf(machine.console, "cat /proc/partitions");
	t.notRegex(table, /vda[2-4]/, "nothing was written to the disk");
});

test.serial("a damaged system archive is refused by name", async (t) => {
	t.timeout(timeLimit(4 * 60_000));
	const machine = machineForTest(t, {
		name: "archive-damaged",
		disks: [imageWithDamaged("/a/rootfs.tar.xz")],
	});
	await machine.boot();
	await machine.console.expect(/rootfs\.tar\.xz: FAILED/, {
		timeoutMs: 120_000,
	});
	await assertStaysAtPrompt(machine);
	const log = await outputOf(machine.console, "cat /apps/install_step1.log");
	t.regex(log, /damaged/);
	t.notRegex(log, /^finished$/m);
	const table = await outputOf(machine.console, "cat /proc/partitions");
	t.notRegex(table, /vda[2-4]/, "nothing was written to the disk");
});

/** Asserts that a login is possible after the failure and that the machine does not restart. */
async function assertStaysAtPrompt(machine: Machine): Promise<void> {
	await machine.console.expect(/FAILED/);
	await machine.console.login(...logins.root);
	const restarted = await machine.waitForReboot({ timeoutMs: 15_000 }).then(
		() => true,
		() => false,
	);
	if (restarted) throw new Error("The machine restarts after a failure");
}
