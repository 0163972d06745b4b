import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { toolsIn } from "./tools.ts";

interface MappedExtent {
	start: number;
	length: number;
	data: boolean;
}

const CHUNK_BYTES = 4 * 1024 * 1024;
const zeros = Buffer.alloc(CHUNK_BYTES);

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
