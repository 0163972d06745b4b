import { builtUpdate, Machine, theFile } from "../../machine/index.ts";
import { loginPage } from "../../system/steps.ts";
import {
	failTrials,
	installedByRamdisk,
	installUpdate,
	nextBuild,
	updateResult,
	uploadUpdate,
} from "../../system/update.ts";
import type { Story } from "../story.ts";
import { checkKeptFile, diskWithKeptFile, keptFileIsThere } from "./kept.ts";

const withKeptFile = diskWithKeptFile();

/** A new system that is never healthy, until the one before is back. */
export const rollback: Story = {
	name: "rollback",
	target: "x86_64",
	async disk(directory, name) {
		const disk = await withKeptFile(directory, name);
		const machine = new Machine({
			name: "powercut-before-rollback",
			disks: [theFile(disk)],
		});
		try {
			await machine.boot();
			await loginPage(machine);
			await uploadUpdate(machine, builtUpdate("next"));
			await installUpdate(machine);
			await installedByRamdisk(machine);
		} finally {
			await machine.discard();
		}
		return disk;
	},
	async run(machine) {
		await failTrials(machine);
		await installedByRamdisk(machine);
		await loginPage(machine, { timeoutMs: 10 * 60_000 });
		await updateResult(machine, nextBuild, "rolled-back");
	},
	checkData: checkKeptFile,
	holds: keptFileIsThere,
};
