import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
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
 * Copies the files of stages to the folder users look into. Files of an earlier build go, those
 * of anybody else stay. Each file appears complete or not at all.
 */
export async function publish(
	results: readonly StageResult[],
	folder: string,
): Promise<PublishedFile[]> {
	await mkdir(folder, { recursive: true });
	const sources = new Map<string, string>();
	for (const result of results)
		for (const name of await readdir(result.folder))
			sources.set(name, join(result.folder, name));
	for (const name of await readdir(folder))
		if (!sources.has(name) && isOurs(name)) await rm(join(folder, name));
	const files: PublishedFile[] = [];
	for (const [name, source] of sources) {
		const path = join(folder, name);
		const partial = `${path}.partial`;
		await $`cp --sparse=always --reflink=auto ${source} ${partial}`;
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

function isOurs(name: string): boolean {
	return /^(app-platform-.*|update-.*\.img|manifest\.json|SHA256SUMS)(\.partial)?$/.test(
		name,
	);
}
