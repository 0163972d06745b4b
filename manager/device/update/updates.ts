import { execFile } from "node:child_process";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import type { Database } from "../../database/database.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { retryUntilDone } from "../../shared/retry.ts";
import { type Release, readRelease } from "../system/release.ts";
import { BootPartition } from "./boot-partition.ts";
import { download } from "./download.ts";
import { deleteBad, FileCheck } from "./file-check.ts";
import { readHistory, takeResult, type UpdateResult } from "./history.ts";
import { IncomingUpload } from "./incoming-upload.ts";
import { ReceivedFile } from "./received.ts";
import { UpdateRefused } from "./refused.ts";
import { readUpdate } from "./update-file.ts";
import type { UploadPart } from "./upload-part.ts";

const run = promisify(execFile);

export interface UpdateSettings {
	releaseFile: string;
	/** Public keys of those whose updates are taken. */
	keysFolder: string;
	/** The image's command for the boot partition. */
	bootPartitionCommand: string;
	/** On the data partition: what was received, and how the last update ended. */
	folder: string;
	restartCommand: string;
}

export type Step = "idle" | "downloading" | "installing" | "restarting";

export interface UpdateStatus {
	step: Step;
	receivedBytes: number;
	totalBytes: number | undefined;
	/** Why the last attempt of what is under way, or was, failed. */
	problem: string | undefined;
	running: Release | undefined;
	history: UpdateResult[];
}

/**
 * The manager's part of an update of the image: receives the file, checks it, puts its files
 * beside those in use and restarts. The ramdisk installs them; the new system is on trial until
 * its manager, here again, finds itself healthy.
 */
export class Updates implements Part {
	readonly name = "updates";
	readonly #settings: UpdateSettings;
	readonly #database: Database;
	readonly #log: Log;
	readonly #boot: BootPartition;
	readonly #received: ReceivedFile;
	readonly #check: FileCheck;
	readonly #stopping = new AbortController();
	#step: Step = "idle";
	#totalBytes: number | undefined;
	#problem: string | undefined;
	#cancelling = new AbortController();
	/** Settled when no download is under way. */
	#downloading: Promise<void> = Promise.resolve();
	#upload: IncomingUpload | undefined;

	constructor(settings: UpdateSettings, database: Database, log: Log) {
		this.#settings = settings;
		this.#database = database;
		this.#log = log;
		this.#boot = new BootPartition(settings.bootPartitionCommand);
		this.#received = new ReceivedFile(settings.folder);
		this.#check = new FileCheck(this.#received, settings);
	}

	/** Returns at once. */
	start(): void {
		void retryUntilDone(
			() => this.#endTrial(),
			(error) =>
				this.#log.debug({ err: error }, "the trial cannot be ended yet"),
			this.#stopping.signal,
		).catch(() => {}); // Stopped while it waited.
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		this.#cancelling.abort();
		await this.#check.end();
		await this.#upload?.end("The manager stops: resume the upload");
	}

	async status(): Promise<UpdateStatus> {
		return {
			step: this.#step,
			receivedBytes: await this.#received.size(),
			totalBytes: this.#totalBytes ?? (await this.#received.announcedBytes()),
			problem: this.#problem,
			running: await readRelease(this.#settings.releaseFile),
			history: await readHistory(this.#database),
		};
	}

	/** Takes a part of the file, in memory. @returns the bytes that are there now. */
	async upload(offset: number, chunk: Buffer): Promise<number> {
		this.#refuseWhileBusy();
		this.#problem = undefined;
		this.#totalBytes = undefined;
		if (offset === 0) await this.#received.remove();
		return this.#received.add(offset, chunk);
	}

	/** @throws UpdateRefused where `receive` would. */
	async refuseUpload(part: UploadPart): Promise<void> {
		// Its client is probably gone: this one may well be the same.
		if (this.#upload?.isStalled)
			await this.#upload.end("Another upload has taken over");
		this.#refuseWhileBusy();
		await this.#received.refusePart(part);
	}

	/**
	 * Takes the file, or the rest of it, as it comes. What has come of an upload that is interrupted
	 * stays.
	 * @returns the bytes that are there now.
	 */
	async receive(part: UploadPart, body: Readable): Promise<number> {
		this.#refuseWhileBusy();
		this.#problem = undefined;
		this.#totalBytes = undefined;
		const upload = new IncomingUpload();
		this.#upload = upload;
		try {
			return await this.#received.receive(part, upload.chunks(body));
		} catch (error) {
			this.#log.info({ err: error }, "an upload of an update has ended early");
			throw error;
		} finally {
			this.#upload = undefined;
			upload.close();
		}
	}

	/**
	 * Returns at once; `status` tells the rest. An interrupted one goes on where it was, if it was
	 * from the same address.
	 */
	async download(url: string): Promise<void> {
		this.#refuseWhileBusy();
		this.#step = "downloading";
		this.#problem = undefined;
		this.#totalBytes = undefined;
		try {
			await this.#received.goOnFrom(url);
		} catch (error) {
			this.#step = "idle";
			throw error;
		}
		this.#cancelling = new AbortController();
		const { signal } = this.#cancelling;
		const attempt = () =>
			download(
				url,
				this.#received,
				(_bytes, totalBytes) => {
					this.#totalBytes = totalBytes;
				},
				signal,
			).catch((error) => {
				if (!(error instanceof UpdateRefused)) throw error;
				this.#problem = error.message;
			});
		const failed = (error: unknown) => {
			this.#problem = `${url} cannot be reached: trying again (${reason(error)})`;
			this.#log.info({ err: error, url }, "the download stopped");
		};
		this.#downloading = retryUntilDone(attempt, failed, signal)
			.then(() => {
				if (this.#problem?.includes("trying again")) this.#problem = undefined;
			})
			.catch(() => {}) // Cancelled.
			.finally(() => {
				this.#step = "idle";
			});
	}

	/**
	 * What was received, once every byte of it is checked; writes nothing to the boot partition. A
	 * file that can never become good is deleted.
	 * @throws UpdateRefused
	 */
	async check(): Promise<Release> {
		if (!this.#check.isRunning) this.#refuseWhileBusy();
		return this.#check.run();
	}

	/**
	 * Puts the update on the boot partition and restarts into its installation.
	 * @param allowOlder whether a build that is not newer than the running one is meant.
	 * @throws UpdateRefused; nothing has changed then.
	 */
	async install(allowOlder: boolean): Promise<void> {
		this.#refuseWhileBusy();
		this.#step = "installing";
		this.#problem = undefined;
		try {
			const release = await this.#check.run();
			const running = await readRelease(this.#settings.releaseFile);
			if (running && release.build <= running.build && !allowOlder)
				throw new UpdateRefused(
					"olderVersion",
					`The update (${release.version}, build ${release.build}) is not newer than what runs (${running.version}, build ${running.build}): confirm that you want it`,
				);
			await this.#stage();
		} catch (error) {
			this.#step = "idle";
			this.#problem = reason(error);
			throw error;
		}
		await this.#received.remove();
		this.#step = "restarting";
		this.#log.info("restarting to install an update");
		// The answer to whoever asked for it goes out first.
		setTimeout(() => {
			run(this.#settings.restartCommand).catch((error) => {
				this.#log.error({ err: error }, "the restart failed");
				this.#step = "idle";
			});
		}, 1000);
	}

	/** Ends what is under way and deletes the file. @returns whether there was anything. */
	async cancel(): Promise<boolean> {
		if (this.#step === "installing" || this.#step === "restarting")
			throw new UpdateRefused("busy", "The installation has begun");
		const wasBusy = this.#step !== "idle" || this.#upload !== undefined;
		this.#cancelling.abort();
		await this.#downloading;
		await this.#upload?.end("The upload was cancelled");
		await this.#check.end();
		const hadFile = (await this.#received.size()) > 0;
		await this.#received.remove();
		this.#problem = undefined;
		this.#totalBytes = undefined;
		const wasStaged = (await this.#boot.state()).update === "install";
		if (wasStaged) await this.#boot.cancel();
		return wasBusy || hadFile || wasStaged;
	}

	async #stage(): Promise<void> {
		const { slot } = await this.#boot.state();
		const other = slot === "a" ? "b" : "a";
		const into = await this.#boot.open(other);
		try {
			await readUpdate(this.#received.path, {
				keysFolder: this.#settings.keysFolder,
				into,
			});
			await this.#boot.close();
			await this.#boot.stage(other);
		} catch (error) {
			await this.#boot.discard(other).catch((problem) => {
				this.#log.error({ err: problem }, "a refused update takes room");
			});
			const isBad = error instanceof UpdateRefused && badFile.has(error.code);
			throw isBad ? await deleteBad(this.#received, error) : error;
		}
	}

	/** That the database answers and this process serves its pages makes a system healthy. */
	async #endTrial(): Promise<void> {
		await readHistory(this.#database);
		await this.#boot.confirm();
		const result = await takeResult(
			join(this.#settings.folder, "result"),
			this.#database,
		);
		if (result) this.#log.info({ result }, "an update has ended");
	}

	#refuseWhileBusy(): void {
		if (this.#step !== "idle")
			throw new UpdateRefused("busy", `The manager is ${this.#step} already`);
		if (this.#upload)
			throw new UpdateRefused(
				"busy",
				"An update file is being uploaded: wait until that ends, or cancel it",
			);
		if (this.#check.isRunning)
			throw new UpdateRefused(
				"busy",
				"The update file is being checked: try again in a minute, or cancel it",
			);
	}
}

/** Refusals for what the received file is, and not for the state of the device. */
const badFile: ReadonlySet<string> = new Set([
	"notAnUpdate",
	"notSigned",
	"damaged",
	"wrongTarget",
	"systemTooLarge",
]);

function reason(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
