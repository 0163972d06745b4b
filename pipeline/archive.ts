import type { Shell } from "zx";

/** GNU tar's options for an archive whose bytes follow from names, modes and contents alone. */
export function reproducible(epochSeconds: number): string[] {
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
 * Archives a folder into `outputFile` (.tar.xz). CRC32 and one stream per thread-independent
 * block are what busybox's, the kernel's and xz's own decoders all read.
 */
export async function writeTarXz(
	$: Shell,
	options: {
		folder: string;
		outputFile: string;
		epochSeconds: number;
		xzFilter: string;
		/** A file with the paths to leave out, a line each, as `./usr/bin/sh`. */
		leftOutFile?: string;
	},
): Promise<void> {
	const { folder, outputFile, epochSeconds, xzFilter, leftOutFile } = options;
	const leftOut = leftOutFile
		? ["--anchored", "--no-wildcards", `--exclude-from=${leftOutFile}`]
		: [];
	await $`tar -c ${reproducible(epochSeconds)} ${leftOut} -C ${folder} . | xz --check=crc32 --threads=0 --block-size=96MiB ${xzFilter} --lzma2=preset=9e > ${outputFile}`;
}
