import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toolsIn } from "./tools.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;
const zeros = Buffer.alloc(CHUNK_BYTES);

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

interface MappedExtent {
	start: number;
	length: number;
	data: boolean;
}

/**
 * SHA-256 of a sparse file, in hex. Holes count as zeros but are not read: for an empty disk of many
 * gigabytes, reading them takes most of the time.
 */
export async function hashOfSparseFile(path: string): Promise<string> {
	const map = await toolsIn()`qemu-img map -f raw --output=json ${path}`;
	const hash = createHash("sha256");
	for (const extent of JSON.parse(map) as MappedExtent[])
		if (extent.data) await addData(hash, path, extent);
		else addZeros(hash, extent.length);
	return hash.digest("hex");
}

async function addData(
	hash: Hash,
	path: string,
	{ start, length }: MappedExtent,
): Promise<void> {
	const content = createReadStream(path, {
		start,
		end: start + length - 1,
		highWaterMark: CHUNK_BYTES,
	});
	for await (const chunk of content) hash.update(chunk);
}

function addZeros(hash: Hash, sizeBytes: number): void {
	for (let left = sizeBytes; left > 0; left -= CHUNK_BYTES)
		hash.update(left < CHUNK_BYTES ? zeros.subarray(0, left) : zeros);
}
