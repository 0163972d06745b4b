import { execFile } from "node:child_process";
import { access, open, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { decideReserve } from "./decision.ts";

const fileName = "empty_if_no_space";
const run = promisify(execFile);

/**
 * Space that an admin sets free when the disk is full:
 * `echo "" > /mnt/sda2/empty_if_no_space`. Deleted, it is made again at the next start.
 */
export class Reserve implements Part {
	readonly name = "reserve";
	readonly #directory: string;
	readonly #sizeBytes: number;
	readonly #log: Log;
	readonly #stopping = new AbortController();
	#making: Promise<void> | undefined;

	constructor(directory: string, sizeBytes: number, log: Log) {
		this.#directory = directory;
		this.#sizeBytes = sizeBytes;
		this.#log = log;
	}

	/** Returns at once: allocating may take a while on some file systems. */
	start(): void {
		this.#making = this.#makeIfMissing().catch((error) => {
			if (!this.#stopping.signal.aborted)
				this.#log.error({ err: error }, "could not make the disk reserve");
		});
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#making;
	}

	async #makeIfMissing(): Promise<void> {
		const file = join(this.#directory, fileName);
		const temporary = `${file}.new`;
		await rm(temporary, { force: true }); // Left by a power cut.
		const { bavail, bsize } = await statfs(this.#directory);
		const situation = {
			exists: await exists(file),
			freeBytes: bavail * bsize,
			reserveBytes: this.#sizeBytes,
		};
		const decision = decideReserve(situation);
		if (decision === "make") await this.#make(file, temporary);
		this.#log.info({ file, decision, ...situation }, "disk reserve");
	}

	async #make(file: string, temporary: string): Promise<void> {
		// `--posix` writes the blocks where the file system cannot allocate them.
		const length = ["--posix", "--length", String(this.#sizeBytes)];
		try {
			await run("fallocate", [...length, temporary], {
				signal: this.#stopping.signal,
			});
			await syncPath(temporary);
			await rename(temporary, file);
			await syncPath(this.#directory);
		} catch (error) {
			await rm(temporary, { force: true }); // A half of it would only take room.
			throw error;
		}
	}
}

async function exists(file: string): Promise<boolean> {
	return access(file).then(
		() => true,
		() => false,
	);
}

async function syncPath(path: string): Promise<void> {
	const handle = await open(path, "r");
	try {
		await handle.sync();
	} finally {
		await handle.close();
	}
}
