import { statfs } from "node:fs/promises";
import { Mutex } from "async-mutex";
import * as z from "zod";
import { type Alarms, managerCodes } from "../../alarms/alarms.ts";
import type { Database } from "../../database/database.ts";
import type { ConfigTable } from "../../settings/config-table.ts";
import type { Settings } from "../../settings/settings.ts";
import { formatBytes } from "../../shared/format.ts";
import type { Log } from "../../shared/log.ts";
import { runRootCommand } from "../../shared/root-command.ts";
import type { Scheduler } from "../../shared/scheduler.ts";
import type { Service } from "./service.ts";
import { ServiceTable } from "./service-table.ts";

/** Of the disk, if no limit is set; always of the number of files that the file system can have. */
const defaultShare = 0.5;
/** Of the limit, from which an alarm announces it. */
const warnShare = 0.8;
/** Of the limit, from which writing counts as failing: an app rarely uses the last blocks. */
const fullShare = 0.99;
/** Files that were there before the limit may grow by a quarter. */
const earlierGrowth = 1.25;
const earlierUseName = "filesBeforeLimit";
const bytesPerKib = 1024;

/** What the files of one user take, or may take. */
export interface FileUse {
	kib: number;
	/** Their number, with directories. */
	files: number;
}

const fileUse = z.object({ kib: z.number(), files: z.number() });

interface ReportedUse {
	used: FileUse;
	/** 0 is no limit. */
	max: FileUse;
}

/**
 * Limits what the files of each service's user take on the disk, by the kernel's quotas: writing more fails (EDQUOT).
 * An alarm announces the limit from 80 % on.
 */
export class FileLimits {
	readonly #command: string;
	readonly #dataDirectory: string;
	readonly #table: ServiceTable;
	readonly #settings: Settings;
	readonly #config: ConfigTable;
	readonly #alarms: Alarms;
	readonly #log: Log;
	readonly #mutex = new Mutex();
	/** Ids of the services with an alarm. */
	readonly #raised = new Set<string>();
	/** Why there are no quotas, as it was logged. */
	#fault: string | undefined;

	/** @param command see app-quotas. @param dataDirectory on the disk. */
	constructor(
		command: string,
		dataDirectory: string,
		database: Database,
		settings: Settings,
		config: ConfigTable,
		alarms: Alarms,
		scheduler: Scheduler,
		log: Log,
	) {
		this.#command = command;
		this.#dataDirectory = dataDirectory;
		this.#table = new ServiceTable(database);
		this.#settings = settings;
		this.#config = config;
		this.#alarms = alarms;
		this.#log = log;
		scheduler.everyMinute("check of apps' files", () => this.apply());
		settings.watch("fileMaxMegabytes", () => void this.apply());
	}

	/** Sets the limits of all installed services, and reports who is near. Logs what fails. */
	async apply(): Promise<void> {
		await this.#mutex
			.runExclusive(() => this.#apply())
			.catch((error) =>
				this.#log.warn({ err: error }, "cannot limit the files of apps"),
			);
	}

	async #apply(): Promise<void> {
		const services = await this.#table.all();
		this.#clearAlarmsExcept(services.map(({ id }) => id));
		if (services.length === 0) return;
		const uses = await this.#report();
		if (!uses) return;
		const max = await this.#max(
			services.flatMap(({ uid }) => uses.get(uid)?.used ?? []),
		);
		const unlimited = services.filter(({ uid }) => {
			const { kib, files } = uses.get(uid)?.max ?? { kib: 0, files: 0 };
			return kib !== max.kib || files !== max.files;
		});
		if (unlimited.length > 0)
			await runRootCommand(this.#command, [
				...["limit", String(max.kib), String(max.files)],
				...unlimited.map(({ uid }) => String(uid)),
			]);
		for (const service of services)
			this.#raiseOrClear(service, uses.get(service.uid)?.used, max);
	}

	/** Returns the uses and limits by user; undefined without quotas, which is logged once. */
	async #report(): Promise<Map<number, ReportedUse> | undefined> {
		try {
			const report = await runRootCommand(this.#command, ["report"]);
			this.#fault = undefined;
			return parseReport(report);
		} catch (error) {
			const fault = String(error);
			if (fault !== this.#fault)
				this.#log.warn({ err: error }, "the files of apps are not limited");
			this.#fault = fault;
			return undefined;
		}
	}

	async #max(used: readonly FileUse[]): Promise<FileUse> {
		const { blocks, bsize, files } = await statfs(this.#dataDirectory);
		return maxFileUse({
			disk: { kib: (blocks * bsize) / bytesPerKib, files },
			earlier: await this.#earlier(used),
			megabytes: await this.#settings.get("fileMaxMegabytes"),
		});
	}

	/** Returns the largest use when the limit was introduced, which the first call records. */
	async #earlier(used: readonly FileUse[]): Promise<FileUse> {
		const stored = await this.#config.read(earlierUseName, fileUse);
		if (stored) return stored;
		const earlier = {
			kib: Math.max(0, ...used.map(({ kib }) => kib)),
			files: Math.max(0, ...used.map(({ files }) => files)),
		};
		await this.#config.write(earlierUseName, earlier);
		return earlier;
	}

	#raiseOrClear(
		{ id, title }: Service,
		used: FileUse | undefined,
		max: FileUse,
	): void {
		const share = used ? shareOf(used, max) : 0;
		if (share < warnShare) {
			this.#clearAlarm(id);
			return;
		}
		const what =
			used && used.files / max.files > used.kib / max.kib
				? `${max.files} files`
				: formatBytes(max.kib * bytesPerKib);
		const cure = "delete data in the app, or raise the limit under Settings";
		this.#raised.add(id);
		this.#alarms.raise({
			service: id,
			code: managerCodes.fileLimit,
			severity: share < fullShare ? "major" : "critical",
			text:
				share < fullShare
					? `The files of ${title} take more than ${warnShare * 100} % of their limit of ${what}, at which it cannot write: ${cure}`
					: `${title} cannot write files, because they have reached their limit of ${what}: ${cure}`,
		});
	}

	#clearAlarmsExcept(ids: readonly string[]): void {
		for (const id of this.#raised) if (!ids.includes(id)) this.#clearAlarm(id);
	}

	#clearAlarm(service: string): void {
		if (this.#raised.delete(service))
			this.#alarms.clear({ service }, managerCodes.fileLimit);
	}
}

/** @throws Error if a line is not "UID KIB FILES MAX_KIB MAX_FILES". */
export function parseReport(text: string): Map<number, ReportedUse> {
	const uses = new Map<number, ReportedUse>();
	for (const line of text.split("\n")) {
		if (line === "") continue;
		if (!/^\d+( \d+){4}$/.test(line))
			throw new Error(`"${line}" is not a line of a report on quotas`);
		const [uid = 0, kib = 0, files = 0, maxKib = 0, maxFiles = 0] = line
			.split(" ")
			.map(Number);
		uses.set(uid, {
			used: { kib, files },
			max: { kib: maxKib, files: maxFiles },
		});
	}
	return uses;
}

/**
 * Returns what the files of each service may take.
 * @param earlier the largest use of one service when the limit was introduced.
 * @param megabytes the setting (10^6 bytes).
 */
export function maxFileUse({
	disk,
	earlier,
	megabytes,
}: {
	disk: FileUse;
	earlier: FileUse;
	megabytes: number | null;
}): FileUse {
	const max = (size: number, used: number) =>
		Math.floor(Math.max(size * defaultShare, used * earlierGrowth));
	return {
		kib:
			megabytes === null
				? max(disk.kib, earlier.kib)
				: Math.floor((megabytes * 1_000_000) / bytesPerKib),
		files: max(disk.files, earlier.files),
	};
}

/** Returns how much of its limit a service uses, of bytes or files, whichever is more. */
export function shareOf(used: FileUse, max: FileUse): number {
	return Math.max(used.kib / max.kib, used.files / max.files);
}
