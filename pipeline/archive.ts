import type { Shell } from "zx";

/** GNU tar's options for an archive whose bytes depend only on names, modes and contents. */
export function reproducibleTarOptions(epochSeconds: number): string[] {
	return [
		"--format=gnu",
		"--sort=name",
		`--mtime=@${epochSeconds}`,
		"--owner=0",
		"--group=0",
		"--numeric-owner",
	];
}

/**
 * Archives a directory into `outputFile` (.tar.xz). CRC32 and independent blocks of fixed size can be
 * read by the decoders of busybox, the kernel and xz.
 */
export async function writeTarXz(
	$: Shell,
	options: {
		directory: string;
		outputFile: string;
		epochSeconds: number;
		xzFilter: string;
		/** A file with the paths to exclude, one a line, such as `./usr/bin/sh`. */
		excludeFile?: string;
	},
): Promise<void> {
	const { directory, outputFile, epochSeconds, xzFilter, excludeFile } =
		options;
	const excludeOptions = excludeFile
		? ["--anchored", "--no-wildcards", `--exclude-from=${excludeFile}`]
		: [];
	await $`tar -c ${reproducibleTarOptions(epochSeconds)} ${excludeOptions} -C ${directory} . | xz --check=crc32 --threads=0 --block-size=96MiB ${xzFilter} --lzma2=preset=9e > ${outputFile}`;
}
