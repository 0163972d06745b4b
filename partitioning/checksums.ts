import { writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface DescribedFile {
	name: string;
	/** What a reader of the file gets, holes included. */
	sizeBytes: number;
	sha256: string;
}

export interface ManifestInputs {
	version: string;
	build: number;
	target: string;
	files: readonly DescribedFile[];
	/** The files on the boot partition. */
	bootPartition: readonly DescribedFile[];
	folder: string;
}

/** Writes manifest.json (for programs) and SHA256SUMS (for `sha256sum -c`). */
export async function writeChecksums({
	folder,
	...manifest
}: ManifestInputs): Promise<void> {
	await writeFile(
		join(folder, "manifest.json"),
		`${JSON.stringify({ name: "app-platform", ...manifest }, null, "\t")}\n`,
	);
	const sums = manifest.files.map(({ name, sha256 }) => `${sha256}  ${name}\n`);
	await writeFile(join(folder, "SHA256SUMS"), sums.join(""));
}
