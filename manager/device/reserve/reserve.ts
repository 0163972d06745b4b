import { access, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { runRootCommand } from "../../shared/root-command.ts";

const fileName = "empty_if_no_space";

interface ReserveEnvironment {
	/** Of the data partition. */
	directory: string;
	sizeBytes: number;
	/** Creates the file. */
	createCommand: string;
}

/**
 * Disk space that an admin can free when the disk is full: `echo "" > /mnt/sda2/empty_if_no_space`.
 * A deleted reserve is created again at the next start.
 */
export class Reserve implements Part {
	readonly name = "reserve";
	readonly #environment: ReserveEnvironment;
	readonly #log: Log;

	constructor(environment: ReserveEnvironment, log: Log) {
		this.#environment = environment;
		this.#log = log;
	}

	/** Returns at once: on some file systems allocating takes a while. */
	start(): void {
		this.#createIfMissing().catch((error) =>
			this.#log.error({ err: error }, "could not create the disk reserve"),
		);
	}

	/** A reserve that is being created will be complete: root creates it. */
	stop(): void {}

	async #createIfMissing(): Promise<void> {
		const { directory, sizeBytes, createCommand } = this.#environment;
		const file = join(directory, fileName);
		const { bavail, bsize } = await statfs(directory);
		const situation = {
			exists: await exists(file),
			freeBytes: bavail * bsize,
			reserveBytes: sizeBytes,
		};
		const decision = decideReserve(situation);
		if (decision === "create") await runRootCommand(createCommand, []);
		this.#log.info({ file, decision, ...situation }, "disk reserve");
	}
}

async function exists(file: string): Promise<boolean> {
	return access(file).then(
		() => true,
		() => false,
	);
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
