import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { dataFound, leaveData } from "./system/kept.ts";
import { enterRescue, restart, startAfresh } from "./system/rescue.ts";
import { loginPage, logins, watchInstallation } from "./system/steps.ts";

const minute = 60_000;
const machine = installedMachine(test, { name: "hang" });

test.serial(
	"an installation that hangs is begun again, and ends",
	async (t) => {
		t.timeout(timeLimit(15 * minute));
		await machine.boot();
		await loginPage(machine);
		await machine.console.login(...logins.root);
		await leaveData(machine.console);
		const kept = await dataFound(machine.console);
		await restart(machine);
		await enterRescue(machine);
		// Unpacking takes longer than that: as if it hung.
		machine.console.send("UNPACK_SECONDS=4 /home/root/install.sh log.txt\n");
		await machine.console.expect(
			"Unpacking took longer than 4 seconds: restarting",
			{ timeoutMs: 3 * minute, unless: /This FAILED|\nfinished\b/ },
		);
		await startAfresh(machine);
		await watchInstallation(machine);
		await loginPage(machine);
		await machine.console.login(...logins.root);
		t.deepEqual(await dataFound(machine.console), kept);
	},
);
