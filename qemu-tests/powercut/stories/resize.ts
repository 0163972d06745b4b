import { enterRescue, runUntilRestart } from "../../system/rescue.ts";
import type { Story } from "../story.ts";
import { checkKeptFile, diskWithKeptFile, keptFileIsThere } from "./kept.ts";

/** The data partition grows with its disk, in rescue, as the documents say it. */
export const resize: Story = {
	name: "resize",
	target: "x86_64",
	disk: diskWithKeptFile({ sizeGB: 20 }),
	async run(machine) {
		await enterRescue(machine);
		await runUntilRestart(machine, "/home/root/install.sh log.txt resize");
	},
	checkData: checkKeptFile,
	holds: keptFileIsThere,
};
