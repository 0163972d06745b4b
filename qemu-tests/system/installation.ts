import type { TestFn } from "ava";
import { vmLayout } from "../../partitioning/layout.ts";
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
 * Tests the first boot of a new machine, without user input, up to the login page. The same for every image format, on
 * different hardware. Root is logged in at the console of the returned machine.
 */
export function installationTests(
	test: TestFn,
	options: MachineOptions,
): Machine {
	const machine = machineForTests(test, options);

	test.serial("installs without user input and restarts", async (t) => {
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

	installedDiskTests(test, machine, vmLayout);

	test.serial(
		"makes the system GRUB's default, below the rescue system",
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
