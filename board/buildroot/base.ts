import { appendFileSync } from "node:fs";
import { cp, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { hashOfPaths } from "../../pipeline/hash.ts";
import type { Stage } from "../../pipeline/stage.ts";
import type { BaseSystem } from "../base.ts";
import { refuseDroppedOptions } from "../kconfig.ts";
import type { Target } from "../target.ts";
import { treeFolder } from "./configuration.ts";
import type { BuildrootOptions } from "./options.ts";
import { BuildrootOutput } from "./output.ts";

const boardFolder = join(treeFolder, "..");

/**
 * The base system as Buildroot compiles it, with a toolchain of its own: what a vendor ships.
 * Takes hours; both stages work in the same folder, which a later build goes on in.
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
		join(boardFolder, "linux.config"),
		join(boardFolder, target.name, "linux.config"),
	];
	const deviceTrees = join(boardFolder, target.name, "device-trees");
	return {
		name: `buildroot kernel ${target.name}`,
		module: import.meta.filename,
		inputs: {
			buildroot: output.key,
			configuration: await hashOfPaths(...fragments, deviceTrees),
			image: target.kernel.image,
		},
		async make({ $, folder, report }) {
			await output.make(["linux"], report);
			const configPath = join(await output.variable("LINUX_DIR"), ".config");
			const texts = fragments.map((path) => readFile(path, "utf8"));
			refuseDroppedOptions(
				"the kernel",
				(await Promise.all(texts)).join(""),
				await readFile(configPath, "utf8"),
			);
			const images = join(output.folder, "images");
			await $`cp ${join(images, basename(target.kernel.image))} linux`;
			await $`cp ${configPath} config`;
			await cp(join(images, "dtbs"), join(folder, "dtbs"), { recursive: true });
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
				].map((name) => join(treeFolder, name)),
			),
		},
		async make({ $, folder, report }) {
			await output.make(["all"], report);
			const busybox = await output.variable("BUSYBOX_DIR");
			// Buildroot lays our options over its own configuration, and checks none.
			refuseDroppedOptions(
				"busybox",
				await readFile(join(treeFolder, "busybox.config"), "utf8"),
				await readFile(join(busybox, ".config"), "utf8"),
			);
			report("unpacking");
			const archive = join(output.folder, "images/rootfs.tar");
			await $`mkdir tree`;
			// Its /dev is the kernel's.
			await $`tar -x -C tree --no-same-owner --same-permissions --exclude ./dev/* -f ${archive}`;
			appendFileSync(
				join(folder, "packages.tsv"),
				packageLines(await output.packages()),
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

/** Lines `name version archives` of the packages on the target, from Buildroot's show-info. */
function packageLines(info: string): string {
	return Object.entries(infoSchema.parse(JSON.parse(info)))
		.filter(([, { type, version }]) => type === "target" && version)
		.map(([name, { version, downloads = [] }]) => {
			const archives = downloads.map(({ source }) => source).join(" ");
			return `${name}\t${version}\t${archives}\n`;
		})
		.join("");
}
