import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { readOwnerData, writeOwnerData } from "./system/owner-data.ts";
import {
	enterRescue,
	powerCycleAfterReboot,
	restart,
} from "./system/rescue.ts";
import { loginPage, logins, watchInstallation } from "./system/steps.ts";

const minute = 60_000;
const machine = installedMachine(test, { name: "hang" });

test.serial(
	"an installation that hangs is restarted and completes",
	async (t) => {
		t.timeout(timeLimit(15 * minute));
		await machine.boot();
		await loginPage(machine);
		await machine.console.login(...logins.root);
		await writeOwnerData(machine.console);
		const kept = await readOwnerData(machine.console);
		await restart(machine);
		await enterRescue(machine);
		// Unpacking takes longer than 4 s, which counts as a hang.
		machine.console.send("UNPACK_SECONDS=4 /home/root/install.sh log.txt\n");
		await machine.console.expect(
			"Unpacking took longer than 4 seconds: restarting",
			{ timeoutMs: 3 * minute, unless: /This FAILED|\nfinished\b/ },
		);
		await powerCycleAfterReboot(machine);
		await watchInstallation(machine);
		await loginPage(machine);
		await machine.console.login(...logins.root);
		t.deepEqual(await readOwnerData(machine.console), kept);
	},
);
