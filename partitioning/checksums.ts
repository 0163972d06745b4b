import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface DescribedFile {
	name: string;
	/** Apparent size, including holes. */
	sizeBytes: number;
	sha256: string;
}

export interface ManifestInputs {
	version: string;
	build: number;
	target: string;
	files: readonly DescribedFile[];
	/** Files on the boot partition. */
	bootPartition: readonly DescribedFile[];
	directory: string;
}

/** Writes manifest.json (for programs) and SHA256SUMS (for `sha256sum -c`). */
export async function writeChecksums({
	directory,
	...manifest
}: ManifestInputs): Promise<void> {
	await writeFile(
		join(directory, "manifest.json"),
		`${JSON.stringify({ name: "app-platform", ...manifest }, null, "\t")}\n`,
	);
	const sums = manifest.files.map(({ name, sha256 }) => `${sha256}  ${name}\n`);
	await writeFile(join(directory, "SHA256SUMS"), sums.join(""));
}
