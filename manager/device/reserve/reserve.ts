import { execFile } from "node:child_process";
import { access, open, rename, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";

const fileName = "empty_if_no_space";
const run = promisify(execFile);

/**
 * Disk space that an admin can free when the disk is full: `echo "" > /mnt/sda2/empty_if_no_space`.
 * A deleted reserve is created again at the next start.
 */
export class Reserve implements Part {
	readonly name = "reserve";
	readonly #directory: string;
	readonly #sizeBytes: number;
	readonly #log: Log;
	readonly #stopping = new AbortController();
	#creating: Promise<void> | undefined;

	constructor(directory: string, sizeBytes: number, log: Log) {
		this.#directory = directory;
		this.#sizeBytes = sizeBytes;
		this.#log = log;
	}

	/** Returns at once: on some file systems allocating takes a while. */
	start(): void {
		this.#creating = this.#createIfMissing().catch((error) => {
			if (!this.#stopping.signal.aborted)
				this.#log.error({ err: error }, "could not create the disk reserve");
		});
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#creating;
	}

	async #createIfMissing(): Promise<void> {
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
		if (decision === "create") await this.#create(file, temporary);
		this.#log.info({ file, decision, ...situation }, "disk reserve");
	}

	async #create(file: string, temporary: string): Promise<void> {
		// With `--posix`, writes the blocks if the file system cannot allocate them.
		const length = ["--posix", "--length", String(this.#sizeBytes)];
		try {
			await run("fallocate", [...length, temporary], {
				signal: this.#stopping.signal,
			});
			await syncPath(temporary);
			await rename(temporary, file);
			await syncPath(this.#directory);
		} catch (error) {
			await rm(temporary, { force: true }); // An incomplete reserve would waste space.
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

interface ReserveSituation {
	exists: boolean;
	freeBytes: number;
	reserveBytes: number;
}

type ReserveDecision = "keep" | "create" | "noRoom";

/**
 * Keeps an existing reserve, whatever its size: an admin who emptied it needs the space. Creates it
 * only if the same space again stays free, so that the reserve itself does not fill the disk.
 */
export function decideReserve(situation: ReserveSituation): ReserveDecision {
	if (situation.exists) return "keep";
	return situation.freeBytes >= 2 * situation.reserveBytes
		? "create"
		: "noRoom";
}
