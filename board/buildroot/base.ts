import { appendFileSync } from "node:fs";
import { cp, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { hashOfPaths } from "../../pipeline/hash.ts";
import type { Stage } from "../../pipeline/stage.ts";
import type { BaseSystem } from "../base.ts";
import { assertNoDroppedOptions } from "../kconfig.ts";
import type { Target } from "../target.ts";
import { treeDirectory } from "./configuration.ts";
import type { BuildrootOptions } from "./options.ts";
import { BuildrootOutput } from "./output.ts";

const boardDirectory = join(treeDirectory, "..");

/**
 * The base system compiled by Buildroot with its own toolchain, for vendors' releases. Takes hours; both
 * stages work in the same directory, and a later build resumes there.
 */
export async function buildrootBase(
	target: Target,
	options: BuildrootOptions,
): Promise<BaseSystem> {
	const output = await BuildrootOutput.open(target, options);
	return {
		kernel: await kernelStage(output),
		rootfs: await rootfsStage(output),
	};
}

async function kernelStage(output: BuildrootOutput): Promise<Stage> {
	const { target } = output;
	const fragments = [
		join(boardDirectory, "linux.config"),
		join(boardDirectory, target.name, "linux.config"),
	];
	const deviceTrees = join(boardDirectory, target.name, "device-trees");
	return {
		name: `buildroot kernel ${target.name}`,
		module: import.meta.filename,
		inputs: {
			buildroot: output.key,
			configuration: await hashOfPaths(...fragments, deviceTrees),
			image: target.kernel.image,
		},
		async make({ $, directory, report }) {
			await output.make(["linux"], report);
			const configPath = join(await output.variable("LINUX_DIR"), ".config");
			const texts = fragments.map((path) => readFile(path, "utf8"));
			assertNoDroppedOptions(
				"the kernel",
				(await Promise.all(texts)).join(""),
				await readFile(configPath, "utf8"),
			);
			const images = join(output.directory, "images");
			await $`cp ${join(images, basename(target.kernel.image))} linux`;
			await $`cp ${configPath} config`;
			await cp(join(images, "dtbs"), join(directory, "dtbs"), {
				recursive: true,
			});
		},
	};
}

async function rootfsStage(output: BuildrootOutput): Promise<Stage> {
	return {
		name: `buildroot base ${output.target.name}`,
		module: import.meta.filename,
		inputs: {
			buildroot: output.key,
			files: await hashOfPaths(
				...[
					"busybox.config",
					"dropbear-options.h",
					"permissions.txt",
					"post-fakeroot.sh",
					"users.txt",
				].map((name) => join(treeDirectory, name)),
			),
		},
		async make({ $, directory, report }) {
			await output.make(["all"], report);
			const busybox = await output.variable("BUSYBOX_DIR");
			// Buildroot merges our options into its own configuration without checking them.
			assertNoDroppedOptions(
				"busybox",
				await readFile(join(treeDirectory, "busybox.config"), "utf8"),
				await readFile(join(busybox, ".config"), "utf8"),
			);
			report("unpacking");
			const archive = join(output.directory, "images/rootfs.tar");
			await $`mkdir tree`;
			// The kernel provides /dev.
			await $`tar -x -C tree --no-same-owner --same-permissions --exclude ./dev/* -f ${archive}`;
			appendFileSync(
				join(directory, "packages.tsv"),
				formatPackages(await output.packages()),
			);
		},
	};
}

const infoSchema = z.record(
	z.string(),
	z.object({
		type: z.string(),
		version: z.string().optional(),
		downloads: z.array(z.object({ source: z.string() })).optional(),
	}),
);

/** Formats Buildroot's show-info as lines `name version archives` of the target's packages. */
function formatPackages(info: string): string {
	return Object.entries(infoSchema.parse(JSON.parse(info)))
		.filter(([, { type, version }]) => type === "target" && version)
		.map(([name, { version, downloads = [] }]) => {
			const archives = downloads.map(({ source }) => source).join(" ");
			return `${name}\t${version}\t${archives}\n`;
		})
		.join("");
}
