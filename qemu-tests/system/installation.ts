import type { TestFn } from "ava";
import {
	type MachineOptions,
	machineForTests,
	timeLimit,
} from "../machine/index.ts";
import { partitions } from "./partitions.ts";
import { report } from "./report.ts";
import { loginPage, logins, outputOf, watchInstallation } from "./steps.ts";

const MiB = 1024 * 1024;

/**
 * What the owner of a new machine sees: it is switched on and left alone, and ends with the
 * login page. The same story for every kind of image, on different hardware.
 */
export function installationTests(test: TestFn, options: MachineOptions): void {
	const machine = machineForTests(test, options);

	test.serial("installs without a question and restarts", async (t) => {
		t.timeout(timeLimit(8 * 60_000));
		const start = performance.now();
		await machine.boot();
		await watchInstallation(machine);
		const installed = performance.now();
		await loginPage(machine);
		const serving = performance.now();
		t.pass();
		await report(`installation of ${machine.name}`, {
			hardware: `${machine.hardware.diskController}, ${machine.hardware.network}`,
			secondsFromPowerOnToRestart: seconds(installed - start),
			secondsFromPowerOnToLoginPage: seconds(serving - start),
		});
	});

	test.serial("lets root log in on the console", async (t) => {
		await machine.console.login(...logins.root);
		t.is((await outputOf(machine.console, "whoami")).trim(), "root");
	});

	test.serial("keeps a log that ends with finished", async (t) => {
		const log = await outputOf(machine.console, "cat /apps/install_step1.log");
		t.is(log.trim().split("\n").at(-1), "finished");
	});

	test.serial("has made the four partitions", async (t) => {
		const { found } = await partitions(machine.console);
		t.like(
			found.map(({ number, mbrType, fileSystem, label }) => ({
				number,
				mbrType,
				fileSystem,
				label,
			})),
			[
				{ number: 1, mbrType: "83", fileSystem: "ext2", label: "boot" },
				{ number: 3, mbrType: "83", fileSystem: "ext4", label: "rootfs" },
				{ number: 4, mbrType: "82", fileSystem: "swap", label: "swap" },
				{ number: 2, mbrType: "83", fileSystem: "ext4", label: "data" },
			],
		);
	});

	test.serial("gives the data partition the rest of the disk", async (t) => {
		const { diskBytes, found } = await partitions(machine.console);
		const [boot, rootfs, swap, data] = found;
		if (!boot || !rootfs || !swap || !data) return t.fail();
		t.true(boot.sizeBytes <= 350 * MiB);
		t.is(rootfs.sizeBytes, 500 * MiB);
		t.is(swap.sizeBytes, 512 * MiB);
		const unused = diskBytes - (data.startBytes + data.sizeBytes);
		t.true(unused >= 0 && unused <= 2 * MiB, `${unused} bytes are unused`);
		const size = await outputOf(
			machine.console,
			"df -k /mnt/sda2 | awk 'END { print $2 }'",
		);
		t.true(Number(size) * 1024 > 0.95 * data.sizeBytes);
	});

	test.serial(
		"makes the system GRUB's default, with rescue above",
		async (t) => {
			const menu = await outputOf(machine.console, "cat /boot/grub/grub.cfg");
			t.regex(menu, /^set default=1\nset slot=a\nset disk=[0-9a-f]{8}\n/);
			const entries = [...menu.matchAll(/^menuentry .*\{\n\s*linux .*/gm)];
			t.is(entries.length, 2);
			t.regex(entries[0]?.[0] ?? "", /root=\/dev\/ram0 /);
			t.regex(entries[1]?.[0] ?? "", /root=PARTUUID=/);
		},
	);

	test.serial("uses the swap and mounts the data", async (t) => {
		const swap = await outputOf(machine.console, "cat /proc/swaps");
		t.regex(swap, /partition\s+5242\d\d/);
		const mounts = await outputOf(machine.console, "cat /proc/mounts");
		t.regex(mounts, / \/mnt\/sda2 ext4 rw/);
		t.regex(mounts, / \/ ext4 rw/);
	});
}

function seconds(milliseconds: number): number {
	return Math.round(milliseconds / 1000);
}
