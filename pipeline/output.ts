import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { $ } from "zx";
import type { StageResult } from "./stage.ts";

const DISK_BLOCK_BYTES = 512;

export interface PublishedFile {
	/** Relative to the working directory. */
	path: string;
	sizeBytes: number;
	/** Less than the size if the file is sparse. */
	allocatedBytes: number;
}

/**
 * Copies the results of stages to the output directory. Deletes files of an earlier build, but no other
 * files. Each file appears complete or not at all.
 */
export async function publish(
	results: readonly StageResult[],
	directory: string,
): Promise<PublishedFile[]> {
	await mkdir(directory, { recursive: true });
	const sources = new Map<string, string>();
	for (const result of results)
		for (const name of await readdir(result.directory))
			sources.set(name, join(result.directory, name));
	for (const name of await readdir(directory))
		if (!sources.has(name) && isBuildOutput(name))
			await rm(join(directory, name));
	const files: PublishedFile[] = [];
	for (const [name, source] of sources) {
		const path = join(directory, name);
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

function isBuildOutput(name: string): boolean {
	return /^(app-platform-.*|update-.*\.img|manifest\.json|SHA256SUMS)(\.partial)?$/.test(
		name,
	);
}
