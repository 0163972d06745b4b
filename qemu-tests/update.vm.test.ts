import test from "ava";
import { overlayOn, timeLimit } from "./machine/index.ts";
import { builtUpdate } from "./machine/places.ts";
import { installedMachine, installedDisk } from "./system/base.ts";
import { machineForTests } from "./machine/index.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

const minute = 60_000;
const bootPartition = "/usr/lib/app-platform/boot-partition";
const machine = machineForTests(test, {
	name: "update",
	disks: [
		overlayOn(installedDisk),
		overlayOn({ path: builtUpdate(), format: "raw" }),
	],
});

test.serial("stages", async (t) => {
	t.timeout(timeLimit(6 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	const { console } = machine;
	t.log(await outputOf(console, `${bootPartition} show`));
	t.log(await outputOf(console, `${bootPartition} open b`));
	t.log(await outputOf(console, `tar -xf /dev/vdb -C /mnt/sda1/b`));
	t.log(await outputOf(console, `${bootPartition} close`));
	t.log(await outputOf(console, `${bootPartition} stage b`, {timeoutMs: 2*minute}));
	t.log(await outputOf(console, `head -c 512 /boot/grub/grub.cfg`));
	console.send("reboot\n");
	await machine.waitForReboot();
	t.pass();
});

test.serial("installs and tries", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.console.expect(/Linux version \d/, { timeoutMs: 4 * minute });
	await machine.console.expect(/finished/, { timeoutMs: 5 * minute });
	await machine.waitForReboot({ timeoutMs: 2 * minute });
	await machine.console.expect(/on trial \(1 of 3\)/, { timeoutMs: 2 * minute });
	await machine.console.expect(/Linux version \d/, { timeoutMs: minute });
	await loginPage(machine);
	await machine.console.login(...logins.root);
	const { console } = machine;
	t.log(await outputOf(console, `cat /proc/cmdline /etc/app-platform-release; ls -la /dev/watchdog*; dmesg | grep -i -E 'dog|kexec'`));
	t.log(await outputOf(console, `${bootPartition} confirm`));
	t.log(await outputOf(console, `${bootPartition} show; cat /mnt/sda2/system/update/result; head -c 512 /boot/grub/grub.cfg`));
	console.send("reboot\n");
	await machine.waitForReboot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	t.log(await outputOf(machine.console, `cat /proc/cmdline /etc/app-platform-release`));
});
