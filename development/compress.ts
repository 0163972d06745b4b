import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";

const compressions = {
	".br": promisify(brotliCompress),
	".gz": (content: Buffer) => promisify(gzip)(content, { level: 9 }),
};
/** Less is not worth a file, and a picture gains less. */
const worthwhile = 0.9;

/** Copies a folder; beside each file there are its compressed variants, where they are smaller. */
export async function copyCompressed(from: string, to: string): Promise<void> {
	await cp(from, to, { recursive: true });
	const entries = await readdir(to, { recursive: true, withFileTypes: true });
	for (const entry of entries.filter((one) => one.isFile())) {
		const path = join(entry.parentPath, entry.name);
		const content = await readFile(path);
		for (const [ending, compress] of Object.entries(compressions)) {
			const smaller = await compress(content);
			if (smaller.length < content.length * worthwhile)
				await writeFile(path + ending, smaller);
		}
	}
}
