import { builtImage, copyOf } from "../../machine/index.ts";
import { loginPage, watchInstallation } from "../../system/steps.ts";
import type { Story } from "../story.ts";

const image = { path: builtImage("img"), format: "raw" } as const;

/** The first start of a new image, on a disk that is as small as may be. */
export const install: Story = {
	name: "install",
	disk: copyOf(image, { sizeMB: 2_500 }),
	run: watchInstallation,
	async holds(machine) {
		await loginPage(machine);
	},
};
