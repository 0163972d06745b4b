import type { TestFn } from "ava";
import {
	type Machine,
	type MachineOptions,
	machineForTests,
	timeLimit,
} from "../machine/index.ts";
import { installedDiskTests } from "./installed-disk.ts";
import { report } from "./report.ts";
import { loginPage, outputOf, watchInstallation } from "./steps.ts";

/**
 * What the owner of a new machine sees: it is switched on and left alone, and ends with the
 * login page. The same story for every kind of image, on different hardware. Root is logged in at the
 * console of the machine that it returns.
 */
export function installationTests(
	test: TestFn,
	options: MachineOptions,
): Machine {
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

	installedDiskTests(test, machine, {
		mbrType: "83",
		fileSystem: "ext2",
		label: "boot",
		sizeMiB: 350,
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
	return machine;
}

function seconds(milliseconds: number): number {
	return Math.round(milliseconds / 1000);
}
