import { join } from "node:path";
import { bundleManager, bundleProgram } from "../manager/bundle.ts";
import { hashOfPaths } from "./hash.ts";
import type { Release } from "./release.ts";
import type { Stage } from "./stage.ts";

const projectFolder = join(import.meta.dirname, "..");

/** The manager as one executable file, `manager`, and what gdb calls, `write-core-file`. */
export async function managerStage({
	version,
	build,
}: Release): Promise<Stage> {
	return {
		name: "manager",
		inputs: {
			version,
			build,
			source: await hashOfPaths(join(projectFolder, "manager")),
			libraries: await hashOfPaths(join(projectFolder, "package-lock.json")),
		},
		async make({ folder, report }) {
			report("bundling");
			await bundleManager({
				outputFile: join(folder, "manager"),
				version,
				build,
			});
			await bundleProgram(
				join(projectFolder, "manager/core-dump/program.ts"),
				join(folder, "write-core-file"),
			);
		},
	};
}
