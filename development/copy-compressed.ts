import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";

const compressions = {
	".br": promisify(brotliCompress),
	".gz": (content: Buffer) => promisify(gzip)(content, { level: 9 }),
};
/** A compressed file is kept if it is less than this fraction of the original; pictures hardly shrink. */
const maxRatio = 0.9;

/** Copies a directory and adds compressed variants beside its files, if they are smaller. */
export async function copyCompressed(from: string, to: string): Promise<void> {
	await cp(from, to, { recursive: true });
	const entries = await readdir(to, { recursive: true, withFileTypes: true });
	for (const entry of entries.filter((one) => one.isFile())) {
		const path = join(entry.parentPath, entry.name);
		const content = await readFile(path);
		for (const [suffix, compress] of Object.entries(compressions)) {
			const smaller = await compress(content);
			if (smaller.length < content.length * maxRatio)
				await writeFile(path + suffix, smaller);
		}
	}
}
