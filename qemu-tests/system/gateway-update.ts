import type { TestFn } from "ava";
import { builtUpdate, timeLimit } from "../machine/index.ts";
import {
	bootByFields,
	type GatewayTarget,
	newGateway,
	switchOff,
	waitForUBoot,
} from "./gateway-boot.ts";
import { readOwnerData, writeOwnerData } from "./owner-data.ts";
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
 * Updates a gateway whose fields name the kernel at the top of the disk and sda3, and which uses no boot menu.
 */
export function gatewayUpdateTests(test: TestFn, target: GatewayTarget): void {
	const machine = newGateway(test, target, `gateway-update-${target}`);

	test.serial("installs and boots", async (t) => {
		t.timeout(timeLimit(20 * minute));
		await machine.boot();
		await waitForUBoot(machine, "rescue");
		await watchInstallation(machine, { timeoutMs: 15 * minute });
		await loginPage(machine, { timeoutMs: 12 * minute });
		await machine.console.login(...logins.root);
		t.pass();
	});

	test.serial(
		"installs an update although its fields stay the same",
		async (t) => {
			t.timeout(timeLimit(20 * minute));
			// Each boot has a new console.
			const console = () => machine.console;
			const failure = { unless: /FAILED|Kernel panic/ };
			const bootSystem = () =>
				bootByFields(machine, { root: "root=/dev/sda3" });
			await writeOwnerData(console());
			const kept = await readOwnerData(console());
			const build = await runningBuild(console());
			await uploadUpdate(machine, builtUpdate("out", target));
			const call = await managerSession(machine);
			await call("updateInstall", { allowOlder: true });
			for (const handedOver of [
				/Installing App Platform/,
				/on trial \(1 of 3\)/,
			]) {
				await machine.waitForReboot({ timeoutMs: 3 * minute });
				// Emulation is slow after a restart by the guest.
				await machine.cutPower();
				await bootSystem();
				await console().expect("Handing over to the rescue system", {
					timeoutMs: 3 * minute,
					...failure,
				});
				await console().expect(handedOver, {
					timeoutMs: 5 * minute,
					...failure,
				});
			}
			await loginPage(machine, { timeoutMs: 8 * minute });
			await updateResult(machine, build, "installed");
			await console().login(...logins.root);
			t.deepEqual(await readOwnerData(console()), kept);
			await switchOff(machine);

			await bootSystem();
			await console().expect("Handing over to the kernel of slot b", {
				timeoutMs: 3 * minute,
				...failure,
			});
			await loginPage(machine, { timeoutMs: 8 * minute });
			await console().login(...logins.root);
			t.regex(await outputOf(console(), "cat /proc/cmdline"), /kexec=system/);
		},
	);
}
