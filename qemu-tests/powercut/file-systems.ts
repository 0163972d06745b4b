import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, readFile, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type FileSystem, MIB } from "../../partitioning/layout.ts";
import { atExit } from "../machine/cleanup.ts";
import type { Range } from "./write-log.ts";

const execute = promisify(execFile);
const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** Runs a tool; the exit code is a result like any other. */
export async function tool(
	name: string,
	...args: string[]
): Promise<{ exitCode: number; output: string; complaint: string }> {
	try {
		const { stdout, stderr } = await execute(name, args, { env: environment });
		return { exitCode: 0, output: stdout, complaint: stderr };
	} catch (error) {
		const { code, stdout, stderr } = error as {
			code?: number | string;
			stdout: string;
			stderr: string;
		};
		if (typeof code !== "number") throw error;
		return { exitCode: code, output: stdout, complaint: stderr };
	}
}

export interface Files {
	/** @throws Error where there is no such file. */
	read(path: string): Promise<Buffer>;
}

/** Files of an ext2 or ext4 within a disk, as they are without the journal. */
export function ext(
	disk: string,
	{ startBytes }: Pick<Range, "startBytes">,
): Files {
	return {
		async read(path) {
			return withFolder(async (folder) => {
				const copy = join(folder, "copy");
				const { complaint } = await tool(
					"debugfs",
					"-R",
					`dump ${path} ${copy}`,
					`${disk}?offset=${startBytes}`,
				);
				return readFile(copy).catch(() => {
					throw new Error(`${path} cannot be read: ${complaint}`);
				});
			});
		},
	};
}

/** Files of a FAT within a disk, found by its first table. */
function fat(disk: string, { startBytes }: Pick<Range, "startBytes">): Files {
	return {
		async read(path) {
			const { stdout } = await execute(
				"mcopy",
				["-n", "-i", `${disk}@@${startBytes}`, `::${path}`, "-"],
				{ encoding: "buffer", maxBuffer: 256 * MIB },
			);
			return stdout;
		},
	};
}

/** As the boot loader reads them. */
export function filesOf(
	fileSystem: FileSystem,
	disk: string,
	startBytes: number,
): Files {
	return fileSystem === "fat32"
		? fat(disk, { startBytes })
		: ext(disk, { startBytes });
}

/** What a partition's first superblock tells; of anything but ext4, nothing. */
export async function firstLabel(
	disk: string,
	{ startBytes, sizeBytes }: Range,
): Promise<string | undefined> {
	const { output } = await tool(
		"blkid",
		...["-p", "-O", String(startBytes), "-S", String(sizeBytes)],
		...["-o", "export", disk],
	);
	if (!/^TYPE=ext4$/m.test(output)) return undefined;
	return /^LABEL=(.*)$/m.exec(output)?.[1] ?? "";
}

/** The label that the second superblock of a partition tells. */
export async function secondLabel(
	partition: string,
): Promise<string | undefined> {
	const { output } = await tool(
		"dumpe2fs",
		...["-h", "-o", "superblock=32768", "-o", "blocksize=4096", partition],
	);
	return /^Filesystem volume name: *(.*)$/m.exec(output)?.[1];
}

/**
 * Checks a partition as a start does, `e2fsck -p`, and lets it be looked at; the data partition
 * as `repair_data` does, by the second superblock if need be. Where that is not
 * enough it goes on as the documents tell a person to, and `complaint` says so.
 */
export async function repaired<Result>(
	partition: string,
	look: (partition: string) => Promise<Result | undefined>,
	{ isData = false } = {},
): Promise<{ complaint?: string; result?: Result | undefined }> {
	const { exitCode, output, complaint } = await tool("e2fsck", "-p", partition);
	if (exitCode <= 2) return { result: await look(partition) };
	if (isData && (await tool("dumpe2fs", "-h", partition)).exitCode !== 0) {
		const second = ["-b", "32768", "-B", "4096"];
		for (const by of [second, ["-f"]])
			if ((await tool("e2fsck", "-p", ...by, partition)).exitCode <= 2)
				return { result: await look(partition) };
	}
	const words = `${output}\n${complaint}`.split("\n").filter(isTelling);
	const byHand = await tool("e2fsck", "-f", "-y", partition);
	const found = await look(partition).then(
		(result) => (result ? `, but then ${result}` : ", and nothing is lost"),
		(error: Error) => `, but then ${error.message}`,
	);
	return {
		complaint: `e2fsck -p does not repair it (${words.slice(0, 2).join(" ")}); e2fsck -f -y ${byHand.exitCode <= 2 ? `does${found}` : "neither"}`,
	};
}

/** Repairs a boot partition as a start does (`repair_boot`): whether it could. */
export async function repairedBoot(
	partition: string,
	fileSystem: FileSystem,
): Promise<boolean> {
	if (fileSystem === "fat32")
		return (await tool("fsck.vfat", "-a", partition)).exitCode <= 1;
	const careful = await tool("e2fsck", "-p", partition);
	if (careful.exitCode <= 2) return true;
	return (await tool("e2fsck", "-f", "-y", partition)).exitCode <= 2;
}

/** Not the path of a copy, numbers of which differ. */
function isTelling(line: string): boolean {
	return line.trim() !== "" && !/app-platform-powercut|check forced/.test(line);
}

export async function withFolder<Result>(
	work: (folder: string) => Promise<Result>,
): Promise<Result> {
	const place = (await hasRoom(memory)) ? memory : tmpdir();
	const folder = await mkdtemp(join(place, "app-platform-powercut-"));
	const forget = atExit(() => rmSync(folder, { recursive: true, force: true }));
	try {
		return await work(folder);
	} finally {
		await rm(folder, { recursive: true, force: true });
		forget();
	}
}

/** A copy of a partition per cut is written faster to memory than to a disk. */
const memory = "/dev/shm";

/** For the copies of two data partitions and what is taken out of them: two tests may be at it. */
async function hasRoom(folder: string): Promise<boolean> {
	const free = await statfs(folder).catch(() => undefined);
	return free !== undefined && free.bavail * free.bsize > 8 * 1024 * MIB;
}
