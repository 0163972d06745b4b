import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { tool, withFolder } from "./file-systems.ts";

type Sums = Map<string, string>;

const quiet = $({ quiet: true });
const commonFiles = "usr/lib/app-platform/common.sha256";
/** By the sum of the archive that a root file system comes from. */
const expected = new Map<string, Sums>();

/** Remembers what a complete rootfs.tar.xz makes of sda3. */
export async function learnRootfs(sum: string, archive: Buffer): Promise<void> {
	if (!expected.has(sum)) expected.set(sum, await sumsOfArchive(archive));
}

/** What is missing or wrong in a root file system that should hold that archive's system. */
export async function rootfsFault(
	partition: string,
	archiveSum: string,
): Promise<string | undefined> {
	const wanted = expected.get(archiveSum);
	if (!wanted) throw new Error(`No rootfs.tar.xz with ${archiveSum} was seen`);
	return withFolder(async (folder) => {
		await tool("debugfs", "-R", `rdump / ${folder}`, partition);
		const found = await sumsOfTree(folder);
		const wrong = [...wanted].filter(([path, sum]) => found.get(path) !== sum);
		const [first] = wrong;
		return first
			? `${wrong.length} files on sda3 are missing or wrong, ${first[0]} for one`
			: undefined;
	});
}

async function sumsOfArchive(archive: Buffer): Promise<Sums> {
	return withFolder(async (folder) => {
		const file = join(folder, "rootfs.tar.xz");
		const root = join(folder, "root");
		await writeFile(file, archive);
		await mkdir(root);
		await quiet`xz -dc ${file} | tar -x --ignore-zeros -C ${root}`;
		const sums = await sumsOfTree(root);
		// The rest comes from the ramdisk, and the archive knows what it must be.
		const common = readFileSync(join(root, commonFiles), "utf8");
		for (const line of common.trimEnd().split("\n")) {
			const [sum = "", path = ""] = line.split("  ");
			sums.set(path, sum);
		}
		return sums;
	});
}

/** Of all files, by their paths as ./usr/bin/x. */
async function sumsOfTree(folder: string): Promise<Sums> {
	const { stdout } = await quiet({
		cwd: folder,
	})`find . -type f -print0 | xargs -0 sha256sum`;
	const lines = stdout.trimEnd().split("\n");
	return new Map(
		lines.map((line) => [line.slice(66), line.slice(0, 64)] as const),
	);
}
