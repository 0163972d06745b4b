import { builtUpdate, type TargetName } from "../../machine/index.ts";
import { ownLogins } from "../../system/lived-in/index.ts";
import { loginPage, setLoginsOf } from "../../system/steps.ts";
import {
	installedByRamdisk,
	installUpdate,
	nextBuild,
	updateResult,
	uploadUpdate,
} from "../../system/update.ts";
import type { Story } from "../story.ts";
import { checkKeptFile, diskWithKeptFile, keptFileIsThere } from "./kept.ts";
import { allIsAsLeft, filesAreAsLeft, livedIn } from "./lived-in.ts";

/** From the upload to the end of the trial. */
export function updateOf(target: TargetName): Story {
	return {
		name: `update-${target}`,
		target,
		disk: diskWithKeptFile({ target }),
		async run(machine) {
			await loginPage(machine, { timeoutMs: 10 * 60_000 });
			await uploadUpdate(machine, builtUpdate("next", target));
			await installUpdate(machine);
			await installedByRamdisk(machine);
			await machine.console.expect("on trial (1 of 3)", { timeoutMs: 180_000 });
			await loginPage(machine, { timeoutMs: 10 * 60_000 });
			await updateResult(machine, nextBuild, "installed");
		},
		checkData: checkKeptFile,
		holds: keptFileIsThere,
	};
}

export const update = updateOf("x86_64");

/** The same on a machine on which an owner has lived. */
export function updateLivedInOf(target: TargetName): Story {
	const empty = updateOf(target);
	return {
		...empty,
		name: `update-lived-in-${target}`,
		disk: livedIn(target),
		async run(machine) {
			setLoginsOf(machine, ownLogins);
			await empty.run(machine);
		},
		checkData: filesAreAsLeft(target),
		holds: allIsAsLeft(target),
	};
}
