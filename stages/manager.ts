import { join } from "node:path";
import { targetNames } from "../board/target.ts";
import {
	bundleHelpers,
	bundleManager,
	managerSources,
} from "../manager/bundle.ts";
import { pageFile } from "../manager/web/build.ts";
import { hashOfPaths } from "../pipeline/hash.ts";
import type { Stage } from "../pipeline/stage.ts";
import type { Release } from "./release.ts";

/** The manager as one executable file, `manager`, and its helper programs beside it. */
export async function managerStage({
	version,
	build,
}: Release): Promise<Stage> {
	return {
		name: "manager",
		module: import.meta.filename,
		inputs: {
			version,
			build,
			sources: await hashOfPaths(...(await managerSources()), pageFile),
		},
		async make({ directory, report }) {
			report("bundling");
			const outputFile = join(directory, "manager");
			await bundleManager({ outputFile, version, build, targetNames });
			await bundleHelpers(directory);
		},
	};
}
