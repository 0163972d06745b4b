import { Option } from "commander";

/** Sources of Buildroot and its downloads. */
export interface BuildrootOptions {
	/** A Buildroot directory, used without changes. */
	buildrootDir?: string;
	/** A Git repository with Buildroot's tags. */
	buildrootGit?: string;
	/** Files with options added to the target's defconfig; later files win. */
	buildrootConfig: string[];
	/** Buildroot's output directory, whatever its previous configuration. */
	buildrootOutput?: string;
	/** Downloads, with a subdirectory for each package. */
	dlDir?: string;
	offline: boolean;
}

/** Their command-line options, for every command that calls Buildroot. */
export const buildrootOptions = () => [
	new Option(
		"--buildroot-dir <directory>",
		"Buildroot directory, used without changes (default: download the pinned release)",
	).env("BUILDROOT_DIR"),
	new Option(
		"--buildroot-git <address>",
		"fetch the pinned release from this Git repository",
	)
		.env("BUILDROOT_GIT")
		.conflicts("buildrootDir"),
	new Option(
		"--buildroot-config <files...>",
		"files with Buildroot options, added to the target's defconfig",
	).default([], "none"),
	new Option(
		"--buildroot-output <directory>",
		"Buildroot's output directory (default: in the cache, one for each configuration)",
	),
	new Option(
		"--dl-dir <directory>",
		"Buildroot's downloads (default: in the cache)",
	).env("BR2_DL_DIR"),
];
