import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { powerCycleAfterReboot, runUntilRestart } from "./system/rescue.ts";
import { rescueTests } from "./system/rescue-tests.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

const minute = 60_000;
const machine = rescueTests(test, {
	name: "rescue-uefi",
	firmware: "uefi",
	diskController: "ahci",
	network: "e1000e",
});

test.serial("a damaged menu starts the rescue system", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await machine.console.login(...logins.root);
	await outputOf(
		machine.console,
		"mount -o remount,rw /mnt/sda1 && echo '{' >/boot/grub/grub.cfg && sync",
	);
	machine.console.send("reboot\n");
	await powerCycleAfterReboot(machine);
	await machine.console.expect("grub.cfg is damaged", { timeoutMs: minute });
	await machine.console.expect("RAMDISK:", { timeoutMs: minute });
	t.pass();
});

test.serial("an administrator restores the menu", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await machine.console.login(...logins.root);
	await outputOf(
		machine.console,
		"cp /mnt/sda1/EFI/debian/fallback.cfg /boot/grub/grub.cfg",
	);
	await runUntilRestart(machine, "/home/root/install.sh log.txt");
	await machine.console.expect("Run /sbin/init", {
		timeoutMs: 2 * minute,
		unless: /RAMDISK:|Kernel panic|damaged/,
	});
	await loginPage(machine);
	t.pass();
});
