import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
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

/** Files of an ext2 or ext4 within a disk, as they are without the journal. */
export function ext(disk: string, { startBytes }: Range) {
	return {
		async read(path: string): Promise<Buffer> {
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

/** As the ramdisk sees it: ext4 with the label that comes last. */
export async function hasDataLabel(
	disk: string,
	{ startBytes, sizeBytes }: Range,
): Promise<boolean> {
	const { output } = await tool(
		"blkid",
		...["-p", "-O", String(startBytes), "-S", String(sizeBytes)],
		...["-o", "export", disk],
	);
	return /^TYPE=ext4$/m.test(output) && /^LABEL=data$/m.test(output);
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

/** Checks a partition as a start does, `e2fsck -p`, and lets it be looked at. */
export async function repaired<Result>(
	partition: string,
	look: (partition: string) => Promise<Result | undefined>,
): Promise<{ isBroken: boolean; output: string; result: Result | undefined }> {
	const { exitCode, output } = await tool("e2fsck", "-p", partition);
	const isBroken = exitCode > 2;
	const result = isBroken ? undefined : await look(partition);
	return { isBroken, output: output.trim(), result };
}

export async function withFolder<Result>(
	work: (folder: string) => Promise<Result>,
): Promise<Result> {
	const folder = await mkdtemp(join(tmpdir(), "app-platform-powercut-"));
	try {
		return await work(folder);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
