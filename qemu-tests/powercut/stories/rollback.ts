import { builtUpdate, existingDisk, Machine } from "../../machine/index.ts";
import { loginPage } from "../../system/steps.ts";
import {
	failTrials,
	installUpdate,
	nextBuild,
	updateResult,
	uploadUpdate,
	waitForRescueInstall,
} from "../../system/update.ts";
import type { Story } from "../story.ts";
import {
	assertKeptFile,
	checkKeptFile,
	diskWithKeptFile,
} from "./kept-file.ts";

const withKeptFile = diskWithKeptFile();

/** Rolls back a new system that is never healthy. */
export const rollback: Story = {
	name: "rollback",
	target: "x86_64",
	async disk(directory, name) {
		const disk = await withKeptFile(directory, name);
		const machine = new Machine({
			name: "powercut-before-rollback",
			disks: [existingDisk(disk)],
		});
		try {
			await machine.boot();
			await loginPage(machine);
			await uploadUpdate(machine, builtUpdate("next"));
			await installUpdate(machine);
			await waitForRescueInstall(machine);
		} finally {
			await machine.discard();
		}
		return disk;
	},
	async run(machine) {
		await failTrials(machine);
		await waitForRescueInstall(machine);
		await loginPage(machine, { timeoutMs: 10 * 60_000 });
		await updateResult(machine, nextBuild, "rolled-back");
	},
	checkData: checkKeptFile,
	assertRecovered: assertKeptFile,
};
