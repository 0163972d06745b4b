import { join } from "node:path";
import { rootfsTree } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { writeTarXz } from "./archive.ts";
import { hashOfPaths } from "./hash.ts";
import { hostToolVersions } from "./host.ts";
import type { Release } from "./release.ts";
import type { Stage, StageResult } from "./stage.ts";

export const baseArchiveFile = ({ folder }: StageResult) =>
	`${folder}/base.tar.xz`;

/**
 * Compresses the base system. Apart from our own files, because it takes minutes: a build in
 * which only the manager changed takes it from the cache.
 */
export async function baseArchiveStage(
	target: Target,
	base: StageResult,
	release: Release,
): Promise<Stage> {
	return {
		name: `base archive ${target.name}`,
		inputs: {
			base: base.key,
			xzFilter: target.xzFilter,
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
			code: await hashOfPaths(
				import.meta.filename,
				join(import.meta.dirname, "archive.ts"),
			),
		},
		async make({ $, report }) {
			report("compressing");
			await writeTarXz($, {
				folder: rootfsTree(base),
				outputFile: "base.tar.xz",
				epochSeconds: release.epochSeconds,
				xzFilter: target.xzFilter,
			});
		},
	};
}
