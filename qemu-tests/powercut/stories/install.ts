import {
	builtImage,
	copyOf,
	type Firmware,
	type TargetName,
} from "../../machine/index.ts";
import { loginPage, watchInstallation } from "../../system/steps.ts";
import { type Story, storyName } from "../story.ts";

/** The first boot of a new image, by default on the smallest possible disk. */
export function installStory(
	target: TargetName,
	{
		sizeMB = 2_500,
		firmware = "bios",
	}: { sizeMB?: number; firmware?: Firmware } = {},
): Story {
	const image = async () =>
		({ path: builtImage("img", target), format: "raw" }) as const;
	return {
		name: storyName("install", target, firmware),
		target,
		firmware,
		disk: copyOf(image, { sizeMB }),
		run: (machine) => watchInstallation(machine, { timeoutMs: 15 * 60_000 }),
		async assertRecovered(machine) {
			await loginPage(machine, { timeoutMs: 25 * 60_000 });
		},
	};
}

export const install = installStory("x86_64");
export const installUnderUefi = installStory("x86_64", { firmware: "uefi" });
