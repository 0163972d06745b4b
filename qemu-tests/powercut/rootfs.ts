import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { runTool, withTemporaryDirectory } from "./file-systems.ts";

type Sums = Map<string, string>;

const quiet = $({ quiet: true });
const commonFiles = "usr/lib/app-platform/common.sha256";
/** By the sum of the archive that a root file system is unpacked from. */
const expected = new Map<string, Sums>();

/** Remembers the files that a complete rootfs.tar.xz unpacks to. */
export async function rememberRootfs(
	sum: string,
	archive: Buffer,
): Promise<void> {
	if (!expected.has(sum)) expected.set(sum, await sumsOfArchive(archive));
}

/** Returns what is missing or wrong in a root file system compared with its archive. */
export async function rootfsFault(
	partition: string,
	archiveSum: string,
): Promise<string | undefined> {
	const wanted = expected.get(archiveSum);
	if (!wanted)
		throw new Error(`No rootfs.tar.xz with sum ${archiveSum} has been read`);
	return withTemporaryDirectory(async (directory) => {
		await runTool("debugfs", "-R", `rdump / ${directory}`, partition);
		const found = await sumsOfTree(directory);
		const wrong = [...wanted].filter(([path, sum]) => found.get(path) !== sum);
		const [first] = wrong;
		return first
			? `${wrong.length} files on sda3 are missing or wrong, such as ${first[0]}`
			: undefined;
	});
}

async function sumsOfArchive(archive: Buffer): Promise<Sums> {
	return withTemporaryDirectory(async (directory) => {
		const file = join(directory, "rootfs.tar.xz");
		const root = join(directory, "root");
		await writeFile(file, archive);
		await mkdir(root);
		await quiet`xz -dc ${file} | tar -x --ignore-zeros -C ${root}`;
		const sums = await sumsOfTree(root);
		// The other files come from the rescue system; the archive has their sums.
		const common = readFileSync(join(root, commonFiles), "utf8");
		for (const line of common.trimEnd().split("\n")) {
			const [sum = "", path = ""] = line.split("  ");
			sums.set(path, sum);
		}
		return sums;
	});
}

/** Returns the sums of all files, by paths such as ./usr/bin/x. */
async function sumsOfTree(directory: string): Promise<Sums> {
	const { stdout } = await quiet({
		cwd: directory,
	})`find . -type f -print0 | xargs -0 sha256sum`;
	const lines = stdout.trimEnd().split("\n");
	return new Map(
		lines.map((line) => [line.slice(66), line.slice(0, 64)] as const),
	);
}
