import type { TestFn } from "ava";
import { builtUpdate, timeLimit } from "../machine/index.ts";
import {
	bootByFields,
	type GatewayTarget,
	newGateway,
	startedByUBoot,
	switchOff,
} from "./gateway-starts.ts";
import { dataFound, leaveData } from "./kept.ts";
import {
	loginPage,
	logins,
	managerSession,
	outputOf,
	watchInstallation,
} from "./steps.ts";
import { runningBuild, updateResult, uploadUpdate } from "./update.ts";

const minute = 60_000;

/**
 * An update of a gateway whose fields name the kernel at the top of the disk and sda3, and know
 * nothing of a boot menu.
 */
export function gatewayUpdateTests(test: TestFn, target: GatewayTarget): void {
	const machine = newGateway(test, target, `gateway-update-${target}`);

	test.serial("installs and starts", async (t) => {
		t.timeout(timeLimit(20 * minute));
		await machine.boot();
		await startedByUBoot(machine, "rescue");
		await watchInstallation(machine, { timeoutMs: 15 * minute });
		await loginPage(machine, { timeoutMs: 12 * minute });
		await machine.console.login(...logins.root);
		t.pass();
	});

	test.serial(
		"takes an update, which its fields know nothing of",
		async (t) => {
			t.timeout(timeLimit(20 * minute));
			// Each power-on has a console of its own.
			const console = () => machine.console;
			const words = { unless: /FAILED|Kernel panic/ };
			const bootSystem = () =>
				bootByFields(machine, { root: "root=/dev/sda3" });
			await leaveData(console());
			const kept = await dataFound(console());
			const build = await runningBuild(console());
			await uploadUpdate(machine, builtUpdate("out", target));
			const call = await managerSession(machine);
			await call("updateInstall", { allowOlder: true });
			for (const handedOver of [
				/Installing App Platform/,
				/on trial \(1 of 3\)/,
			]) {
				await machine.waitForReboot({ timeoutMs: 3 * minute });
				// Emulation is slow after a restart that the guest made.
				await machine.cutPower();
				await bootSystem();
				await console().expect("Handing over to the ramdisk", {
					timeoutMs: 3 * minute,
					...words,
				});
				await console().expect(handedOver, { timeoutMs: 5 * minute, ...words });
			}
			await loginPage(machine, { timeoutMs: 8 * minute });
			await updateResult(machine, build, "installed");
			await console().login(...logins.root);
			t.deepEqual(await dataFound(console()), kept);
			await switchOff(machine);

			await bootSystem();
			await console().expect("Handing over to the kernel of set b", {
				timeoutMs: 3 * minute,
				...words,
			});
			await loginPage(machine, { timeoutMs: 8 * minute });
			await console().login(...logins.root);
			t.regex(await outputOf(console(), "cat /proc/cmdline"), /kexec=system/);
		},
	);
}
