import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { $ } from "zx";
import { tool, withFolder } from "./file-systems.ts";

/** One version of the system on sda1. */
export interface SetContent {
	/** The text of its SHA256SUMS. */
	sums: string;
	/** What is wrong with its files. */
	fault: string | undefined;
	/** rootfs.tar.xz. */
	rootfs: Buffer;
}

type Sums = Map<string, string>;

const quiet = $({ quiet: true });
const commonFiles = "usr/lib/app-platform/common.sha256";
const expected = new Map<string, Promise<Sums>>();

/** What is missing or wrong in a root file system that should hold the system of a set. */
export async function rootfsFault(
	partition: string,
	set: SetContent,
): Promise<string | undefined> {
	const wanted = expected.get(set.sums) ?? sumsOfArchive(set.rootfs);
	expected.set(set.sums, wanted);
	return withFolder(async (folder) => {
		await tool("debugfs", "-R", `rdump / ${folder}`, partition);
		const found = await sumsOfTree(folder);
		const wrong = [...(await wanted)].filter(
			([path, sum]) => found.get(path) !== sum,
		);
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

