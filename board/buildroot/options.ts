import { Option } from "commander";

/** Where Buildroot and what it downloads come from. */
export interface BuildrootOptions {
	/** A folder with Buildroot, used as it is. */
	buildrootDir?: string;
	/** A Git repository with Buildroot's tags. */
	buildrootGit?: string;
	/** Configuration laid over the target's defconfig, the later over the earlier. */
	buildrootConfig: string[];
	/** The folder that Buildroot works in, whatever it was configured for before. */
	buildrootOutput?: string;
	/** Downloads, in a folder for each package. */
	dlDir?: string;
	offline: boolean;
}

/** The options that choose them, for every command that calls Buildroot. */
export const buildrootOptions = () => [
	new Option(
		"--buildroot-dir <folder>",
		"Buildroot to use as it is (default: the pinned release, downloaded)",
	).env("BUILDROOT_DIR"),
	new Option(
		"--buildroot-git <address>",
		"take the pinned release from this Git repository",
	)
		.env("BUILDROOT_GIT")
		.conflicts("buildrootDir"),
	new Option(
		"--buildroot-config <files...>",
		"Buildroot options laid over the target's defconfig",
	).default([], "none"),
	new Option(
		"--buildroot-output <folder>",
		"where Buildroot works (default: in the cache, a folder for each configuration)",
	),
	new Option(
		"--dl-dir <folder>",
		"what Buildroot downloads and finds there (default: in the cache)",
	).env("BR2_DL_DIR"),
];
