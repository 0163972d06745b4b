import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { $ } from "zx";
import type { StageResult } from "./stage.ts";

const DISK_BLOCK_BYTES = 512;

export interface PublishedFile {
	/** As one would type it, from where the build was started. */
	path: string;
	sizeBytes: number;
	/** Less than the size where the file is sparse. */
	allocatedBytes: number;
}

/**
 * Copies a stage's files to the folder users look into; files of an earlier build go. Each file
 * appears complete or not at all.
 */
export async function publish(
	result: StageResult,
	folder: string,
): Promise<PublishedFile[]> {
	await mkdir(folder, { recursive: true });
	const names = (await readdir(result.folder)).sort();
	for (const name of await readdir(folder))
		if (!names.includes(name))
			await rm(join(folder, name), { recursive: true });
	const files: PublishedFile[] = [];
	for (const name of names) {
		const path = join(folder, basename(name));
		const partial = `${path}.partial`;
		await $`cp --sparse=always --reflink=auto ${join(result.folder, name)} ${partial}`;
		await rename(partial, path);
		const { size, blocks } = await stat(path);
		files.push({
			path: relative(process.cwd(), path),
			sizeBytes: size,
			allocatedBytes: blocks * DISK_BLOCK_BYTES,
		});
	}
	return files;
}
