import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Database } from "../../database/database.ts";
import type { Job, JobDescription, Jobs } from "../../jobs/jobs.ts";
import { download, requestRemainder } from "../../shared/download/download.ts";
import { DownloadRefused } from "../../shared/download/follow-redirects.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { retryUntilDone } from "../../shared/retry.ts";
import { runRootCommand } from "../../shared/root-command.ts";
import { type Release, readRelease } from "../system/release.ts";
import { BootPartition } from "./boot-partition.ts";
import { deleteBadFile, FileCheck } from "./file-check.ts";
import { importResult, readHistory, type UpdateResult } from "./history.ts";
import { IncomingUpload } from "./incoming-upload.ts";
import { ReceivedFile } from "./received-file.ts";
import { UpdateError } from "./update-error.ts";
import { maxUpdateBytes } from "./update-file.ts";
import type { UploadPart } from "./upload-part.ts";

export interface UpdateEnvironment {
	releaseFile: string;
	/** Contains the public keys of trusted signers. */
	keysDirectory: string;
	bootPartitionCommand: string;
	/** On the data partition: the received file and the result of the last update. */
	directory: string;
	restartCommand: string;
}

/** Something that an older system cannot read or undo. */
export interface NewFeature {
	/** Uses it from now on: the running system is kept. */
	begin(): void;
	/** Undoes it, until `begin` or the next start: an older system is going to be installed. */
	end(): Promise<void>;
}

export type Step = "idle" | "downloading" | "installing" | "restarting";

export interface UpdateStatus {
	step: Step;
	receivedBytes: number;
	totalBytes: number | undefined;
	/** Why the last attempt of the current or last step failed. */
	problem: string | undefined;
	running: Release | undefined;
	history: UpdateResult[];
}

/**
 * Updates the system: receives an update file, checks it, writes its files into the unused slot and
 * restarts. The rescue system installs the slot. On the trial boot, the new manager confirms the
 * update once it is healthy.
 */
export class Updates implements Part {
	readonly name = "updates";
	readonly #environment: UpdateEnvironment;
	readonly #database: Database;
	readonly #newFeatures: readonly NewFeature[];
	readonly #jobs: Jobs;
	readonly #log: Log;
	readonly #boot: BootPartition;
	readonly #received: ReceivedFile;
	readonly #check: FileCheck;
	readonly #stopping = new AbortController();
	#step: Step = "idle";
	/** This system is going to stay. */
	#isConfirmed = false;
	#totalBytes: number | undefined;
	#problem: string | undefined;
	/** The running upload, download or check. */
	#job: Job | undefined;
	/** Pending while a download is running. */
	#downloading: Promise<void> = Promise.resolve();
	#upload: IncomingUpload | undefined;

	constructor(
		environment: UpdateEnvironment,
		database: Database,
		newFeatures: readonly NewFeature[],
		jobs: Jobs,
		log: Log,
	) {
		this.#environment = environment;
		this.#database = database;
		this.#newFeatures = newFeatures;
		this.#jobs = jobs;
		this.#log = log;
		this.#boot = new BootPartition(environment.bootPartitionCommand);
		this.#received = new ReceivedFile(join(environment.directory, "received"));
		this.#check = new FileCheck(this.#received, environment);
	}

	/** Does not wait for the confirmation of a trial boot. */
	start(): void {
		void retryUntilDone(
			() => this.#confirmTrialBoot(),
			(error) =>
				this.#log.debug(
					{ err: error },
					"the trial boot is not confirmed yet; retrying",
				),
			this.#stopping.signal,
		).catch(() => {}); // The manager is stopping.
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		// First, for its message: cancelling its job ends it too.
		const uploadEnds = this.#upload?.abort(
			"The manager is stopping: resume the upload later",
		);
		this.#job?.cancel();
		await this.#check.cancel();
		await uploadEnds;
	}

	async status(): Promise<UpdateStatus> {
		return {
			step: this.#step,
			receivedBytes: await this.#received.size(),
			totalBytes: this.#totalBytes ?? (await this.#received.announcedBytes()),
			problem: this.#problem,
			running: await readRelease(this.#environment.releaseFile),
			history: await readHistory(this.#database),
		};
	}

	/** Appends a part of the file from memory. @returns the bytes received so far. */
	async addChunk(offset: number, chunk: Buffer): Promise<number> {
		this.#assertIdle();
		this.#problem = undefined;
		this.#totalBytes = undefined;
		if (offset === 0) await this.#received.remove();
		return this.#received.add(offset, chunk);
	}

	/** @throws UpdateError if `receive` would. */
	async assertCanUpload(part: UploadPart): Promise<void> {
		// The client of a stalled upload is probably gone; this may be the same one, trying to resume.
		if (this.#upload?.isStalled)
			await this.#upload.abort("Another upload has taken over");
		this.#assertIdle();
		await this.#received.assertContinues(part);
	}

	/**
	 * Receives the file, or the rest of it, as a stream. An interrupted upload keeps what was received.
	 * @returns the bytes received so far.
	 */
	async receive(part: UploadPart, body: Readable): Promise<number> {
		this.#assertIdle();
		this.#problem = undefined;
		this.#totalBytes = undefined;
		return this.#asJob({ kind: "updateUpload" }, async (job) => {
			const upload = new IncomingUpload();
			this.#upload = upload;
			job.signal.addEventListener(
				"abort",
				() => void upload.abort("The upload was cancelled"),
			);
			const onProgress = (bytes: number) =>
				job.report({
					done: part.offset + bytes,
					total: part.totalBytes,
					unit: "bytes",
				});
			try {
				return await this.#received.receive(
					part,
					upload.chunks(body, onProgress),
				);
			} catch (error) {
				this.#log.info({ err: error }, "update upload interrupted");
				throw error;
			} finally {
				this.#upload = undefined;
				upload.close();
			}
		});
	}

	/**
	 * Starts a download and returns; `status` shows its progress. Resumes an interrupted download from
	 * the same URL.
	 */
	async download(url: string): Promise<void> {
		this.#assertIdle();
		this.#step = "downloading";
		this.#problem = undefined;
		this.#totalBytes = undefined;
		try {
			await this.#received.resumeFrom(url);
		} catch (error) {
			this.#step = "idle";
			throw error;
		}
		this.#downloading = this.#asJob(
			{ kind: "updateDownload", subject: new URL(url).host },
			(job) => this.#download(url, job),
		)
			.catch((error) => {
				// A cancelled download has no problem.
				if (error instanceof OperationError) this.#problem = error.message;
			})
			.finally(() => {
				this.#step = "idle";
			});
	}

	async #download(url: string, job: Job): Promise<void> {
		const address = withoutQuery(url);
		const attempt = () =>
			download(
				(received, attempt) => requestRemainder(url, received, attempt),
				this.#received,
				(done, total) => {
					if (total !== undefined && total > maxUpdateBytes)
						throw new UpdateError(
							"tooLarge",
							`${address} has ${total} bytes, an update has at most ${maxUpdateBytes}`,
						);
					this.#totalBytes = total;
					job.report({ done, total, unit: "bytes" });
				},
				job.signal,
			).catch((error) => {
				// Retrying would not help: it is no update, or the disk has no room.
				if (error instanceof OperationError) return error;
				if (error instanceof DownloadRefused)
					return new OperationError(
						"upstream",
						"downloadRefused",
						`${address}: ${error.message}`,
					);
				throw error;
			});
		const onFailure = (error: unknown) => {
			this.#problem = `${retrying}: ${address}: ${toMessage(error)}`;
			job.report({ step: this.#problem });
			this.#log.info(
				{ err: error, address },
				"update download failed; retrying",
			);
		};
		const refusal = await retryUntilDone(attempt, onFailure, job.signal);
		this.#problem = undefined;
		if (refusal) throw refusal;
	}

	/**
	 * Checks every byte of the received file and returns its release. Writes nothing to the boot
	 * partition. Deletes a file that can never become valid.
	 * @throws UpdateError
	 */
	async check(): Promise<Release> {
		if (this.#check.isRunning) return this.#check.run();
		this.#assertIdle();
		return this.#asJob({ kind: "updateCheck" }, (job) => {
			job.signal.addEventListener("abort", () => void this.#check.cancel());
			return this.#check.run();
		});
	}

	/**
	 * Writes the update into the unused slot and restarts to install it.
	 * @param allowOlder accepts a build that is not newer than the running one.
	 * @throws UpdateError if it is refused; then nothing has changed.
	 */
	async install(allowOlder: boolean): Promise<void> {
		this.#assertIdle();
		this.#step = "installing";
		this.#problem = undefined;
		await this.#jobs.run({ kind: "updateInstall" }, (job) =>
			this.#install(allowOlder, job),
		);
		this.#step = "restarting";
		this.#log.info("restarting to install an update");
		// Lets the answer reach the client first.
		setTimeout(() => {
			runRootCommand(this.#environment.restartCommand, []).catch((error) => {
				this.#log.error({ err: error }, "restart failed");
				this.#step = "idle";
			});
		}, 1000);
	}

	async #install(allowOlder: boolean, job: Job): Promise<void> {
		job.commit();
		try {
			const release = await this.#check.run();
			const running = await readRelease(this.#environment.releaseFile);
			if (running) assertReplaces(release, running, allowOlder);
			if (running && release.build < running.build)
				for (const feature of this.#newFeatures) await feature.end();
			job.report({ subject: `${release.version}, build ${release.build}` });
			await this.#stage();
		} catch (error) {
			this.#step = "idle";
			this.#problem = toMessage(error);
			if (this.#isConfirmed) this.#beginNewFeatures();
			throw error;
		}
		await this.#received.remove();
	}

	/** Cancels whatever is running and deletes the file. @returns whether there was anything to cancel. */
	async cancel(): Promise<boolean> {
		if (this.#step === "installing" || this.#step === "restarting")
			throw new UpdateError("busy", "The installation has already started");
		const wasBusy = this.#step !== "idle" || this.#upload !== undefined;
		this.#job?.cancel();
		await this.#downloading;
		await this.#upload?.abort("The upload was cancelled");
		await this.#check.cancel();
		const hadFile = (await this.#received.size()) > 0;
		await this.#received.remove();
		this.#problem = undefined;
		this.#totalBytes = undefined;
		const wasStaged = (await this.#boot.state()).update === "install";
		if (wasStaged) {
			await this.#boot.cancel();
			this.#beginNewFeatures();
		}
		return wasBusy || hadFile || wasStaged;
	}

	#beginNewFeatures(): void {
		for (const feature of this.#newFeatures) feature.begin();
	}

	/** Runs an upload, a download or a check, of which there is one at a time. */
	async #asJob<Result>(
		description: JobDescription,
		work: (job: Job) => Promise<Result>,
	): Promise<Result> {
		return this.#jobs.run(description, async (job) => {
			this.#job = job;
			try {
				return await work(job);
			} finally {
				this.#job = undefined;
			}
		});
	}

	async #stage(): Promise<void> {
		const { slot } = await this.#boot.state();
		const other = slot === "a" ? "b" : "a";
		try {
			await this.#boot.stage(other, this.#received.path);
		} catch (error) {
			const canNeverFit =
				error instanceof UpdateError && error.code === "systemTooLarge";
			throw canNeverFit ? await deleteBadFile(this.#received, error) : error;
		}
	}

	/** The system is healthy if the database answers and this process serves its pages. */
	async #confirmTrialBoot(): Promise<void> {
		await readHistory(this.#database);
		await this.#boot.confirm();
		// The build that is going to be installed may be an older one.
		this.#isConfirmed = (await this.#boot.state()).update !== "install";
		if (this.#isConfirmed) this.#beginNewFeatures();
		const result = await importResult(
			join(this.#environment.directory, "result"),
			this.#database,
		);
		if (result) this.#log.info({ result }, "update finished");
	}

	#assertIdle(): void {
		if (this.#step !== "idle")
			throw new UpdateError("busy", `The manager is already ${this.#step}`);
		if (this.#upload)
			throw new UpdateError(
				"busy",
				"An update file is being uploaded: wait until it is complete or cancel it",
			);
		if (this.#check.isRunning)
			throw new UpdateError(
				"busy",
				"The update file is being checked: retry in a minute or cancel the check",
			);
	}
}

/** @throws UpdateError if a release must not replace the running one. */
function assertReplaces(
	release: Release,
	running: Release,
	allowOlder: boolean,
): void {
	const { minimumBuild } = running;
	if (minimumBuild !== undefined && release.build < minimumBuild)
		throw new UpdateError(
			"belowMinimum",
			`The update (${release.version}, build ${release.build}) would undo security fixes: what runs (${running.version}, build ${running.build}) can be replaced by build ${minimumBuild} and newer ones`,
		);
	if (release.build <= running.build && !allowOlder)
		throw new UpdateError(
			"olderVersion",
			`The update (${release.version}, build ${release.build}) is not newer than what runs (${running.version}, build ${running.build}): confirm that you want it`,
		);
}

/** Returns an address for people and logs: its query may be what allows the download. */
function withoutQuery(url: string): string {
	const { origin, pathname } = new URL(url);
	return `${origin}${pathname}`;
}

/** Begins the problem of a download that is being retried. */
const retrying = "The download failed and will be retried";

function toMessage(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
