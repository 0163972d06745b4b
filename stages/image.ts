import { readdir, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Format, Target } from "../board/target.ts";
import {
	type DescribedFile,
	hashOfSparseFile,
	writeChecksums,
} from "../partitioning/checksums.ts";
import { makeDiskImage } from "../partitioning/disk-image.ts";
import { diskSignature } from "../partitioning/identity.ts";
import { vmLayout } from "../partitioning/layout.ts";
import { makeOva } from "../partitioning/ova.ts";
import {
	makeQcow2,
	makeVhdx,
	makeVmdk,
	type VmDiskInputs,
} from "../partitioning/vm-disks.ts";
import { hostToolVersions } from "../pipeline/host.ts";
import type { Stage, StageResult } from "../pipeline/stage.ts";
import { bootFilesDirectory } from "./boot-partition.ts";
import { type Release, releaseSeed } from "./release.ts";

const fileName = ({ imageName }: Target, format: Format) =>
	`${imageName}.${format}`;

/** Writers of the virtual machine formats, all from the raw image. */
type Writer = (inputs: VmDiskInputs, release: Release) => Promise<void>;
type VmFormat = Exclude<Format, "img" | "update">;
const writers: Record<VmFormat, Writer> = {
	qcow2: makeQcow2,
	vhdx: makeVhdx,
	async ova(inputs, { version, build, epochSeconds }) {
		const vmdk = `${inputs.outputPath}.vmdk`;
		await makeVmdk({ ...inputs, outputPath: vmdk });
		const { outputPath } = inputs;
		const diskBytes = vmLayout.imageBytes;
		await makeOva({
			vmdk,
			diskBytes,
			version,
			build,
			epochSeconds,
			outputPath,
		});
		await rm(vmdk);
	},
};

/** The raw disk image, the source of all others. */
export async function diskImageStage(
	target: Target,
	boot: StageResult,
	release: Release,
): Promise<Stage> {
	return {
		name: `img ${target.name}`,
		module: import.meta.filename,
		inputs: { boot: boot.key, tools: hostToolVersions("image") },
		async make({ directory, report }) {
			report("writing the disk");
			await makeDiskImage({
				layout: target.layout,
				diskSignature: diskSignature(releaseSeed(release)),
				bootPartition: join(boot.directory, "boot.img"),
				...(target.layout.bootLoader === "grub" && {
					grub: {
						bootImage: join(boot.directory, "grub/boot.img"),
						coreImage: join(boot.directory, "grub/core.img"),
					},
				}),
				outputPath: join(directory, fileName(target, "img")),
			});
		},
	};
}

/** A virtual machine disk in a format other than raw. */
export async function vmDiskStage(
	target: Target,
	image: StageResult,
	release: Release,
	format: VmFormat,
): Promise<Stage> {
	return {
		name: `${format} ${target.name}`,
		module: import.meta.filename,
		inputs: { image: image.key, format, tools: hostToolVersions("image") },
		async make({ directory, report }) {
			report("converting");
			await writers[format](
				{
					rawImage: join(image.directory, fileName(target, "img")),
					seed: releaseSeed(release),
					outputPath: join(directory, fileName(target, format)),
				},
				release,
			);
		},
	};
}

/** manifest.json and SHA256SUMS of the finished files. */
export async function checksumsStage(
	target: Target,
	boot: StageResult,
	images: readonly StageResult[],
	release: Release,
): Promise<Stage> {
	const { version, build } = release;
	return {
		name: `checksums ${target.name}`,
		module: import.meta.filename,
		inputs: {
			boot: boot.key,
			images: images.map(({ key }) => key),
			tools: hostToolVersions("image"),
		},
		async make({ directory, report }) {
			report("hashing");
			await writeChecksums({
				version,
				build,
				target: target.name,
				files: (
					await Promise.all(images.map((image) => describe(image.directory)))
				).flat(),
				bootPartition: await describe(bootFilesDirectory(boot)),
				directory,
			});
		},
	};
}

async function describe(directory: string): Promise<DescribedFile[]> {
	const entries = await readdir(directory, {
		recursive: true,
		withFileTypes: true,
	});
	const names = entries
		.filter((entry) => entry.isFile())
		.map((entry) => relative(directory, join(entry.parentPath, entry.name)))
		.sort();
	return Promise.all(
		names.map(async (name) => ({
			name,
			sizeBytes: (await stat(join(directory, name))).size,
			sha256: await hashOfSparseFile(join(directory, name)),
		})),
	);
}
