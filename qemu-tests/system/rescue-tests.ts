import { readFile } from "node:fs/promises";
import type { TestFn } from "ava";
import {
	type Machine,
	type MachineOptions,
	timeLimit,
} from "../machine/index.ts";
import { installedMachine } from "./base.ts";
import { powerCycleAfterReboot } from "./rescue.ts";
import {
	checkFileSystems,
	chooseRescue,
	loginPage,
	logins,
	outputOf,
} from "./steps.ts";

const verify = "/home/root/install.sh log.txt verify";

/**
 * Tests the rescue system and the switch of the default entry on an installed machine. At the end the installed system
 * runs.
 */
export function rescueTests(test: TestFn, options: MachineOptions): Machine {
	const machine = installedMachine(test, options);

	test.serial("is the first entry of GRUB's menu", async (t) => {
		t.timeout(timeLimit(3 * 60_000));
		await machine.boot();
		await chooseRescue(machine);
		await machine.console.login(...logins.root);
		t.is((await outputOf(machine.console, "id -u")).trim(), "0");
	});

	test.serial("does not change an installed system", async (t) => {
		const shown = await readFile(machine.serialLog, "utf8");
		t.notRegex(shown, /Partitioning|Installing/);
		const mounts = await outputOf(machine.console, "cat /proc/mounts");
		t.notRegex(mounts, / \/mnt\/sda2 /);
		t.regex(mounts, / \/mnt\/sda1 /);
	});

	test.serial("e2fsck checks sda2 and sda3", async (t) => {
		t.timeout(timeLimit(3 * 60_000));
		for (const output of await checkFileSystems(machine.console))
			t.regex(output, /files \([\d.]+% non-contiguous\)/);
	});

	test.serial("verify finds sda3 unchanged", async (t) => {
		t.timeout(timeLimit(3 * 60_000));
		const { exitCode, output } = await machine.console.run(verify, {
			timeoutMs: 2 * 60_000,
		});
		t.regex(
			output,
			/The files of slot a \(version .*\) are complete and signed/,
		);
		t.regex(output, /^sda3 equals slot a /m);
		t.is(exitCode, 0);
	});

	for (const [user, password] of [logins.root, logins.admin])
		test.serial(`${user} logs in by SSH`, async (t) => {
			const ssh = await machine.ssh(user, password);
			t.is((await outputOf(ssh, "whoami")).trim(), user);
			ssh.close();
		});

	test.serial("admin logs in on the console", async (t) => {
		machine.console.send("exit\n");
		await machine.console.login(...logins.admin);
		t.is((await outputOf(machine.console, "whoami")).trim(), "admin");
		machine.console.send("exit\n");
	});

	test.serial("a restart boots the system by default", async (t) => {
		t.timeout(timeLimit(5 * 60_000));
		await machine.console.login(...logins.root);
		machine.console.send("reboot\n");
		await powerCycleAfterReboot(machine);
		await loginPage(machine);
		t.pass();
	});

	test.serial("becomes the default when the menu is edited", async (t) => {
		t.timeout(timeLimit(5 * 60_000));
		await machine.console.login(...logins.root);
		await outputOf(
			machine.console,
			"rm /usr/bin/tcpdump /usr/sbin/badblocks; echo >>/etc/profile; touch /left-over",
		);
		// An upload that nobody has installed, larger than the memory.
		await outputOf(
			machine.console,
			`mkdir -p /mnt/sda2/system/update && fallocate -l 600M /mnt/sda2/system/update/upload
			echo rescued >/mnt/sda2/system/zz-setting`,
		);
		await outputOf(
			machine.console,
			"mount -o remount,rw /mnt/sda1 && sed -i 's/^set default=1/set default=0/' /boot/grub/grub.cfg && sync",
		);
		machine.console.send("reboot\n");
		await powerCycleAfterReboot(machine);
		await machine.console.expect("RAMDISK:", { timeoutMs: 60_000 });
		await machine.console.login(...logins.root);
		t.regex(
			await outputOf(machine.console, "head -n 1 /boot/grub/grub.cfg"),
			/^set default=0$/m,
		);
		t.is(
			await outputOf(machine.console, "cat /mnt/sda2/system/zz-setting"),
			"rescued\n",
		);
		const ssh = await machine.ssh(...logins.admin);
		ssh.close();
	});

	test.serial("verify lists missing, changed and extra files", async (t) => {
		t.timeout(timeLimit(3 * 60_000));
		await outputOf(
			machine.console,
			"mkdir /mnt/look && mount /dev/sda3 /mnt/look",
		);
		const { exitCode, output } = await machine.console.run(verify, {
			timeoutMs: 2 * 60_000,
		});
		await outputOf(machine.console, "umount /mnt/look");
		t.regex(
			output,
			/Missing on sda3 \(2 of \d+ .*\):\n {2}\/usr\/bin\/tcpdump\n {2}\/usr\/sbin\/badblocks\n/,
		);
		t.regex(output, /Changed on sda3 \(1\):\n {2}\/etc\/profile \(content\)\n/);
		t.regex(output, /not part of the system \(1\):\n {2}\/left-over\n/);
		t.regex(output, /sda3 differs: reinstall the system with .* are kept/);
		t.is(exitCode, 1);
	});

	test.serial("the system is made the default again in vi", async (t) => {
		t.timeout(timeLimit(5 * 60_000));
		const { console } = machine;
		console.send("vi /boot/grub/grub.cfg\n");
		await console.expect("set default=0");
		console.send(":1s/0/1/\n");
		await console.expect("[Modified]");
		console.send(":wq\n");
		await console.expect(/:~# /);
		t.regex(
			await outputOf(console, "head -n 1 /boot/grub/grub.cfg"),
			/^set default=1$/m,
		);
		console.send("reboot\n");
		await powerCycleAfterReboot(machine);
		await machine.console.expect("Run /sbin/init", {
			unless: /RAMDISK:|Kernel panic/,
		});
		await loginPage(machine);
	});

	return machine;
}
