import { existsSync, statSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { copyOf, type DiskFile } from "../machine/index.ts";

/** Copies a disk once, atomically, and returns that copy from then on. @param reset replaces the copy. */
export async function persistentDisk(
	base: () => Promise<DiskFile>,
	directory: string,
	{ reset = false }: { reset?: boolean | undefined },
): Promise<DiskFile> {
	const { format, path: original } = await base();
	const kept: DiskFile = { path: join(directory, `disk.${format}`), format };
	await mkdir(directory, { recursive: true });
	if (reset) await rm(kept.path, { force: true });
	if (!existsSync(kept.path)) {
		const copy = await copyOf(base)(directory, "copy");
		await rename(copy.path, kept.path);
	} else if (statSync(original).mtimeMs > statSync(kept.path).birthtimeMs)
		console.log("The disk is older than the image. Use --reset for a new one.");
	return kept;
}
