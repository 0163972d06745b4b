import { join } from "node:path";
import { bundleManager, bundleProgram } from "../manager/bundle.ts";
import { hashOfPaths } from "../pipeline/hash.ts";
import type { Stage } from "../pipeline/stage.ts";
import type { Release } from "./release.ts";

const projectFolder = join(import.meta.dirname, "..");

/** The manager as one executable file, `manager`, what gdb calls, `write-core-file`, and `compile-cache`. */
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
			for (const [source, name] of [
				["device/core-dump", "write-core-file"],
				["device/compile-cache", "compile-cache"],
			] as const)
				await bundleProgram(
					join(projectFolder, "manager", source, "program.ts"),
					join(folder, name),
				);
		},
	};
}
