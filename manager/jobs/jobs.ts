import { EventEmitter } from "node:events";
import * as z from "zod";
import type { Changes } from "../operations/operation.ts";
import { OperationError } from "../shared/operation-error.ts";

export const jobStatus = z.object({
	id: z.int(),
	/** What it does. Clients know these names: never rename. */
	kind: z.enum([
		"appInstall",
		"updateDownload",
		"updateUpload",
		"updateCheck",
		"updateInstall",
		"databaseCleanUp",
		"databaseOptimization",
		"certificateOrder",
	]),
	/** What it works on: an app's id, an instance, a host name. */
	subject: z.string().optional(),
	state: z.enum(["running", "done", "failed", "cancelled"]),
	/** Whether `jobCancel` works now. */
	isCancellable: z.boolean(),
	/** What it does at present, such as the file that is downloaded. */
	step: z.string().optional(),
	done: z.number().optional(),
	/** Missing if it is not known. */
	total: z.number().optional(),
	unit: z.enum(["bytes", "tables", "databases"]).optional(),
	startedAt: z.iso.datetime(),
	endedAt: z.iso.datetime().optional(),
	/** Why it failed. */
	problem: z.string().optional(),
});
export type JobStatus = z.output<typeof jobStatus>;
export type JobDescription = Pick<JobStatus, "kind" | "subject">;
type JobProgress = Pick<
	JobStatus,
	"subject" | "step" | "done" | "total" | "unit"
>;

const maxEnded = 50;

/** Long work that runs or has ended; its own view of itself. */
export class Job {
	readonly #cancellation = new AbortController();
	readonly #onChange: () => void;
	#status: JobStatus;

	constructor(status: JobStatus, onChange: () => void) {
		this.#status = status;
		this.#onChange = onChange;
	}

	get status(): JobStatus {
		return this.#status;
	}

	/** Aborted when the job is cancelled. */
	get signal(): AbortSignal {
		return this.#cancellation.signal;
	}

	report(progress: JobProgress): void {
		this.#change(progress);
	}

	/** From now on the job can no longer be cancelled: half of the rest would be worse than all of it. */
	commit(): void {
		this.#change({ isCancellable: false });
	}

	/** @returns false if the job can no longer be cancelled. */
	cancel(): boolean {
		if (!this.#status.isCancellable) return false;
		this.#change({ isCancellable: false });
		this.#cancellation.abort();
		return true;
	}

	/** @param error why it failed; undefined if it did not. */
	end(error?: unknown): void {
		const endedAt = new Date().toISOString();
		const ended = { endedAt, isCancellable: false };
		if (this.signal.aborted) this.#change({ ...ended, state: "cancelled" });
		else if (error === undefined) this.#change({ ...ended, state: "done" });
		else {
			const problem = describe(error);
			this.#change({ ...ended, state: "failed", problem });
		}
	}

	#change(change: Partial<JobStatus>): void {
		this.#status = { ...this.#status, ...change };
		this.#onChange();
	}
}

/**
 * Long work in progress and the last that has ended, so that every session sees it, also after the page was reloaded.
 * In memory: work does not outlive the manager, and what it leaves behind is the capability's own.
 */
export class Jobs {
	readonly changes: Changes = new EventEmitter();
	/** Oldest first. */
	#jobs: Job[] = [];
	#lastId = 0;

	/** @returns the running jobs, then the ended ones, both newest first. */
	list(): JobStatus[] {
		const newest = this.#jobs.map(({ status }) => status).reverse();
		return [...newest.filter(isRunning), ...newest.filter(hasEnded)];
	}

	/**
	 * Runs work as a job.
	 * @returns what the work returns. @throws what it throws.
	 */
	async run<Result>(
		description: JobDescription,
		work: (job: Job) => Promise<Result>,
	): Promise<Result> {
		const job = this.#add(description);
		try {
			const result = await work(job);
			job.end();
			return result;
		} catch (error) {
			job.end(error);
			throw error;
		}
	}

	/** @throws OperationError if there is no such job, or it can no longer be cancelled. */
	cancel(id: number): void {
		const job = this.#jobs.find(({ status }) => status.id === id);
		if (!job)
			throw new OperationError("notFound", "noSuchJob", "There is no such job");
		if (!job.cancel())
			throw new OperationError(
				"conflict",
				"notCancellable",
				hasEnded(job.status)
					? "The job has ended already"
					: "The job is too far advanced to be cancelled",
			);
	}

	#add(description: JobDescription): Job {
		this.#lastId += 1;
		const job = new Job(
			{
				...description,
				id: this.#lastId,
				state: "running",
				isCancellable: true,
				startedAt: new Date().toISOString(),
			},
			() => this.changes.emit("change"),
		);
		this.#jobs.push(job);
		const ended = this.#jobs.filter(({ status }) => hasEnded(status));
		const dropped = new Set(ended.slice(0, -maxEnded));
		this.#jobs = this.#jobs.filter((one) => !dropped.has(one));
		this.changes.emit("change");
		return job;
	}
}

const isRunning = ({ state }: JobStatus) => state === "running";
const hasEnded = (status: JobStatus) => !isRunning(status);

/** Only what was written for people; the log has everything else. */
function describe(error: unknown): string {
	return error instanceof OperationError
		? error.message
		: "Something went wrong. The manager's log has the details.";
}
