import { join } from "node:path";
import { debianBase } from "./board/debian/base.ts";
import type { Target } from "./board/target.ts";
import { prepareHost } from "./pipeline/host.ts";
import { bootPartitionStage, imagesStage } from "./pipeline/image.ts";
import { managerStage } from "./pipeline/manager.ts";
import { type BuildOptions, parseOptions } from "./pipeline/options.ts";
import { publish } from "./pipeline/output.ts";
import { Progress } from "./pipeline/progress.ts";
import { ramdiskStage } from "./pipeline/ramdisk.ts";
import type { Release } from "./pipeline/release.ts";
import { baseArchiveStage, rootfsStage } from "./pipeline/rootfs.ts";

/** `npm run build -- x86_64`: see `--help`. */
async function build(target: Target, options: BuildOptions): Promise<void> {
	const release: Release = { ...options, target: target.name };
	const progress = new Progress(target.name, options);

	const base = await debianBase(target, options);
	const kernel = await progress.run(base.kernel);
	const tree = await progress.run(base.rootfs);
	const manager = await progress.run(await managerStage(release));
	const archive = await progress.run(
		await baseArchiveStage(target, tree, release),
	);
	const rootfs = await progress.run(
		await rootfsStage(target, { base: tree, archive, manager }, release),
	);
	const ramdisk = await progress.run(await ramdiskStage(target, tree, release));
	const boot = await progress.run(
		await bootPartitionStage(target, { kernel, ramdisk, rootfs }, release),
	);
	const images = await progress.run(
		await imagesStage(target, boot, release, options.formats),
	);

	const folder = join(import.meta.dirname, "out", target.name);
	progress.finish(await publish(images, folder));
}

try {
	const options = parseOptions(process.argv);
	prepareHost(["kernel", "image"], options);
	for (const target of options.targets) await build(target, options);
} catch (error) {
	Progress.explain(error);
	process.exitCode = 1;
}
