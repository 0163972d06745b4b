import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kernelFile } from "../board/base.ts";
import type { Target } from "../board/target.ts";
import { makeBootPartition } from "../partitioning/boot-partition.ts";
import { grubConfig, makeGrub } from "../partitioning/grub.ts";
import { diskSignature } from "../partitioning/identity.ts";
import { vmLayout } from "../partitioning/layout.ts";
import { hashOfPaths } from "./hash.ts";
import { hostToolVersions } from "./host.ts";
import { ramdiskFile } from "./ramdisk.ts";
import { type Release, releaseFile, releaseSeed } from "./release.ts";
import { rootfsArchiveFile } from "./rootfs.ts";
import type { Stage, StageResult } from "./stage.ts";

const projectFolder = join(import.meta.dirname, "..");

/** The set in a new image; updates stage theirs in the other slot. */
const FIRST_SLOT = "a";

/** The boot partition: one set and GRUB's menu. Also GRUB's own images. */
export async function bootPartitionStage(
	target: Target,
	parts: { kernel: StageResult; ramdisk: StageResult; rootfs: StageResult },
	release: Release,
): Promise<Stage> {
	const template = join(projectFolder, "board", target.name, "grub.cfg");
	return {
		name: `boot partition ${target.name}`,
		inputs: {
			kernel: parts.kernel.key,
			ramdisk: parts.ramdisk.key,
			rootfs: parts.rootfs.key,
			release: releaseFile(release),
			epochSeconds: release.epochSeconds,
			tools: hostToolVersions("image"),
			code: await hashOfPaths(
				import.meta.filename,
				template,
				join(projectFolder, "partitioning"),
			),
		},
		async make({ $, folder, report }) {
			report("gathering the set");
			const set = join(folder, "set");
			await mkdir(set);
			await $`ln ${kernelFile(parts.kernel)} ${ramdiskFile(parts.ramdisk)} ${rootfsArchiveFile(parts.rootfs)} set/`;
			await writeFile(join(set, "release"), releaseFile(release));
			const names = (await readdir(set)).sort();
			await $({ cwd: set })`sha256sum ${names} > SHA256SUMS`;

			report("writing");
			const seed = releaseSeed(release);
			const config = grubConfig(
				await readFile(template, "utf8"),
				diskSignature(seed),
			);
			await writeFile(join(folder, "grub.cfg"), config);
			const files: Record<string, string> = {
				"boot/grub/grub.cfg": join(folder, "grub.cfg"),
			};
			for (const name of await readdir(set))
				files[`${FIRST_SLOT}/${name}`] = join(set, name);
			await makeBootPartition({
				partition: vmLayout.boot,
				files,
				epochSeconds: release.epochSeconds,
				seed,
				outputPath: join(folder, "boot.ext2"),
			});
			await makeGrub({
				config,
				epochSeconds: release.epochSeconds,
				outputFolder: join(folder, "grub"),
			});
		},
	};
}
