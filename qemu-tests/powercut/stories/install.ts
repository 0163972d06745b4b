import { builtImage, copyOf, type TargetName } from "../../machine/index.ts";
import { loginPage, watchInstallation } from "../../system/steps.ts";
import type { Story } from "../story.ts";

/** The first boot of a new image, by default on the smallest possible disk. */
export function installStory(
	target: TargetName,
	{ sizeMB = 2_500 } = {},
): Story {
	const image = async () =>
		({ path: builtImage("img", target), format: "raw" }) as const;
	return {
		name: `install-${target}`,
		target,
		disk: copyOf(image, { sizeMB }),
		run: (machine) => watchInstallation(machine, { timeoutMs: 15 * 60_000 }),
		async assertRecovered(machine) {
			await loginPage(machine, { timeoutMs: 25 * 60_000 });
		},
	};
}

export const install = installStory("x86_64");
