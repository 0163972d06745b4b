import { $ } from "zx";
import type { BaseSystem } from "../base.ts";
import type { Target } from "../target.ts";
import { type ArchiveOptions, DebianArchive, OLD_SUITE } from "./apt.ts";
import { kernelStage } from "./kernel.ts";
import { rootfsStage } from "./rootfs.ts";

/** The base system made from Debian packages: takes minutes instead of Buildroot's hours. */
export async function debianBase(
	target: Target,
	options: ArchiveOptions,
): Promise<BaseSystem & { archives: DebianArchive[] }> {
	const { debianArchitecture } = target;
	const archive = await DebianArchive.open(debianArchitecture, options);
	const hostArchitecture = await $`dpkg --print-architecture`.quiet();
	const host = await DebianArchive.open(
		hostArchitecture.stdout.trim(),
		options,
	);
	const old = await DebianArchive.open(debianArchitecture, options, OLD_SUITE);
	return {
		archives: [archive, old, host],
		// The source package is the same for all architectures.
		kernel: await kernelStage(target, host),
		rootfs: await rootfsStage(target, { archive, old, host }),
	};
}
