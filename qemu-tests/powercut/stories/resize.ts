import { enterRescue, runUntilRestart } from "../../system/rescue.ts";
import type { Story } from "../story.ts";
import {
	assertKeptFile,
	checkKeptFile,
	diskWithKeptFile,
} from "./kept-file.ts";

/** Enlarges the data partition with its disk in the rescue system, as documented. */
export const resize: Story = {
	name: "resize",
	target: "x86_64",
	disk: diskWithKeptFile({ sizeGB: 20 }),
	async run(machine) {
		await enterRescue(machine);
		await runUntilRestart(machine, "/home/root/install.sh log.txt resize");
	},
	checkData: checkKeptFile,
	assertRecovered: assertKeptFile,
};
