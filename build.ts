import { join } from "node:path";
import { buildrootBase } from "./board/buildroot/base.ts";
import { debianBase } from "./board/debian/base.ts";
import type { Target } from "./board/target.ts";
import { lockCache } from "./pipeline/cache.ts";
import { compilerPackage, prepareHost } from "./pipeline/host.ts";
import { publish } from "./pipeline/output.ts";
import { Progress } from "./pipeline/progress.ts";
import { baseArchiveStage } from "./stages/base-archive.ts";
import { bootPartitionStage } from "./stages/boot-partition.ts";
import { checksumsStage, diskImageStage, vmDiskStage } from "./stages/image.ts";
import { managerStage } from "./stages/manager.ts";
import { type BuildOptions, parseOptions } from "./stages/options.ts";
import type { Release } from "./stages/release.ts";
import { rescueSystemStage } from "./stages/rescue-system.ts";
import { rootfsStage } from "./stages/rootfs.ts";
import { findSigner, readPublicKey } from "./stages/signing.ts";
import { updateStage } from "./stages/update.ts";

/** Runs the pipeline for one target. */
async function build(target: Target, options: BuildOptions): Promise<void> {
	const signer = await findSigner(options.sign);
	const trustedKeys = [signer.publicKey, ...options.trust.map(readPublicKey)];
	const release: Release = {
		...options,
		target: target.name,
		signer,
		trustedKeys,
	};
	const progress = new Progress(target.name, options);

	const makeBase = options.base === "debian" ? debianBase : buildrootBase;
	const base = await makeBase(target, options);
	const kernel = await progress.run(base.kernel);
	const tree = await progress.run(base.rootfs);
	const manager = await progress.run(await managerStage(release));
	const archive = await progress.run(
		await baseArchiveStage(target, tree, release),
	);
	const rootfs = await progress.run(
		await rootfsStage(target, { base: tree, archive, manager }, release),
	);
	const rescueSystem = await progress.run(
		await rescueSystemStage(target, tree, release),
	);
	const boot = await progress.run(
		await bootPartitionStage(target, { kernel, rescueSystem, rootfs }, release),
	);
	const image = await progress.run(await diskImageStage(target, boot, release));
	const results = [];
	for (const format of options.formats ?? target.formats)
		if (format === "img") results.push(image);
		else if (format === "update")
			results.push(
				await progress.run(await updateStage(target, boot, release)),
			);
		else
			results.push(
				await progress.run(await vmDiskStage(target, image, release, format)),
			);
	const checksums = await progress.run(
		await checksumsStage(target, boot, results, release),
	);

	const directory = join(options.output, target.name);
	progress.finish(await publish([...results, checksums], directory));
}

// File modes must not depend on the user's umask.
process.umask(0o022);
try {
	const options = parseOptions(process.argv);
	const { base, offline } = options;
	if (base === "debian")
		prepareHost(["kernel", "image"], {
			packages: options.targets.map(compilerPackage),
			offline,
		});
	else prepareHost(["buildroot", "image"], { offline });
	await lockCache(() =>
		console.log("Waiting for another build that uses the same cache"),
	);
	for (const target of options.targets) await build(target, options);
} catch (error) {
	Progress.explain(error);
	process.exitCode = 1;
}
