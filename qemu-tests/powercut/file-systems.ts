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

/** Runs a tool and returns its exit code. */
export async function runTool(
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
	/** @throws Error when there is no such file. */
	read(path: string): Promise<Buffer>;
}

/** Files of an ext2 or ext4 within a disk, without replaying the journal. */
export function ext(
	disk: string,
	{ startBytes }: Pick<Range, "startBytes">,
): Files {
	return {
		async read(path) {
			return withTemporaryDirectory(async (directory) => {
				const copy = join(directory, "copy");
				const { complaint } = await runTool(
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

/** Returns the files as the boot loader reads them. */
export function filesOf(
	fileSystem: FileSystem,
	disk: string,
	startBytes: number,
): Files {
	return fileSystem === "fat32"
		? fat(disk, { startBytes })
		: ext(disk, { startBytes });
}

/** Returns the label in the primary superblock; undefined if it is not a valid ext4. */
export async function primaryLabel(
	disk: string,
	{ startBytes, sizeBytes }: Range,
): Promise<string | undefined> {
	const { output } = await runTool(
		"blkid",
		...["-p", "-O", String(startBytes), "-S", String(sizeBytes)],
		...["-o", "export", disk],
	);
	if (!/^TYPE=ext4$/m.test(output)) return undefined;
	return /^LABEL=(.*)$/m.exec(output)?.[1] ?? "";
}

/** Returns the label in the first backup superblock. */
export async function backupLabel(
	partition: string,
): Promise<string | undefined> {
	const { output } = await runTool(
		"dumpe2fs",
		...["-h", "-o", "superblock=32768", "-o", "blocksize=4096", partition],
	);
	return /^Filesystem volume name: *(.*)$/m.exec(output)?.[1];
}

/**
 * Repairs a partition as a boot does, with `e2fsck -p`, then runs `look` on it; the data partition as `repair_data`
 * does, from the backup superblock if necessary. If that fails, it repairs as documented for administrators and returns
 * a `complaint`.
 */
export async function repaired<Result>(
	partition: string,
	look: (partition: string) => Promise<Result | undefined>,
	{ isData = false } = {},
): Promise<{ complaint?: string; result?: Result | undefined }> {
	const { exitCode, output, complaint } = await runTool(
		"e2fsck",
		"-p",
		partition,
	);
	if (exitCode <= 2) return { result: await look(partition) };
	if (isData && (await runTool("dumpe2fs", "-h", partition)).exitCode !== 0) {
		const backup = ["-b", "32768", "-B", "4096"];
		for (const by of [backup, ["-f"]])
			if ((await runTool("e2fsck", "-p", ...by, partition)).exitCode <= 2)
				return { result: await look(partition) };
	}
	const messages = `${output}\n${complaint}`.split("\n").filter(isMeaningful);
	const byHand = await runTool("e2fsck", "-f", "-y", partition);
	const found = await look(partition).then(
		(result) => (result ? `, but then ${result}` : ", and nothing is lost"),
		(error: Error) => `, but then ${error.message}`,
	);
	return {
		complaint: `e2fsck -p does not repair it (${messages.slice(0, 2).join(" ")}); e2fsck -f -y ${byHand.exitCode <= 2 ? `does${found}` : "does not either"}`,
	};
}

/** Repairs a boot partition as a boot does (`repair_boot`) and returns whether that succeeded. */
export async function repairedBoot(
	partition: string,
	fileSystem: FileSystem,
): Promise<boolean> {
	if (fileSystem === "fat32")
		return (await runTool("fsck.vfat", "-a", partition)).exitCode <= 1;
	const careful = await runTool("e2fsck", "-p", partition);
	if (careful.exitCode <= 2) return true;
	return (await runTool("e2fsck", "-f", "-y", partition)).exitCode <= 2;
}

/** Returns whether a line is specific: not the random path of a copy. */
function isMeaningful(line: string): boolean {
	return line.trim() !== "" && !/app-platform-powercut|check forced/.test(line);
}

export async function withTemporaryDirectory<Result>(
	work: (directory: string) => Promise<Result>,
): Promise<Result> {
	const parent = (await hasRoom(memory)) ? memory : tmpdir();
	const directory = await mkdtemp(join(parent, "app-platform-powercut-"));
	const forget = atExit(() =>
		rmSync(directory, { recursive: true, force: true }),
	);
	try {
		return await work(directory);
	} finally {
		await rm(directory, { recursive: true, force: true });
		forget();
	}
}

/** Copying a partition for each cut is faster in memory than on a disk. */
const memory = "/dev/shm";

/** Returns whether there is room for copies of two data partitions and their extracted files: two tests may run. */
async function hasRoom(directory: string): Promise<boolean> {
	const free = await statfs(directory).catch(() => undefined);
	return free !== undefined && free.bavail * free.bsize > 8 * 1024 * MIB;
}
