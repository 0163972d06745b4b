import {
	builtUpdate,
	type Firmware,
	type TargetName,
} from "../../machine/index.ts";
import { ownLogins } from "../../system/lived-in/index.ts";
import { loginPage, setLoginsOf } from "../../system/steps.ts";
import {
	installUpdate,
	nextBuild,
	updateResult,
	uploadUpdate,
	waitForRescueInstall,
} from "../../system/update.ts";
import { type Story, storyName } from "../story.ts";
import {
	assertKeptFile,
	checkKeptFile,
	diskWithKeptFile,
} from "./kept-file.ts";
import {
	assertStateUnchanged,
	checkOwnerFiles,
	livedInRawDisk,
} from "./lived-in.ts";

/** From the upload to the end of the trial boot. */
export function updateStory(target: TargetName, firmware?: Firmware): Story {
	return {
		name: storyName("update", target, firmware),
		target,
		...(firmware && { firmware }),
		disk: diskWithKeptFile({ target }),
		async run(machine) {
			await loginPage(machine, { timeoutMs: 10 * 60_000 });
			await uploadUpdate(machine, builtUpdate("next", target));
			await installUpdate(machine);
			await waitForRescueInstall(machine);
			await machine.console.expect("on trial (1 of 3)", { timeoutMs: 180_000 });
			await loginPage(machine, { timeoutMs: 10 * 60_000 });
			await updateResult(machine, nextBuild, "installed");
		},
		checkData: checkKeptFile,
		assertRecovered: assertKeptFile,
	};
}

export const update = updateStory("x86_64");
export const updateUnderUefi = updateStory("x86_64", "uefi");

/** The same on a lived-in machine. */
export function livedInUpdateStory(target: TargetName): Story {
	const empty = updateStory(target);
	return {
		...empty,
		name: `update-lived-in-${target}`,
		disk: livedInRawDisk(target),
		async run(machine) {
			setLoginsOf(machine, ownLogins);
			await empty.run(machine);
		},
		checkData: checkOwnerFiles(target),
		assertRecovered: assertStateUnchanged(target),
	};
}
