import { AsyncTask, SimpleIntervalJob, ToadScheduler } from "toad-scheduler";
import type { Part } from "./lifecycle.ts";
import type { Log } from "./log.ts";

/**
 * Everything that the manager does periodically. Intervals are of monotonic time, so that a clock that is set delays
 * nothing: whether work is due by the clock is decided by the work. (toad-scheduler, since croner waits for a time of
 * the clock.)
 */
export class Scheduler implements Part {
	readonly name = "scheduler";
	readonly #scheduler = new ToadScheduler();
	readonly #jobs: SimpleIntervalJob[] = [];
	readonly #log: Log;

	constructor(log: Log) {
		this.#log = log;
	}

	/** @param work is not started while it still runs; what it throws is logged. */
	everyMinute(name: string, work: () => Promise<void> | void): void {
		const task = new AsyncTask(
			name,
			async () => work(),
			(error) => this.#log.warn({ err: error }, `${name} failed; retrying`),
		);
		this.#jobs.push(
			new SimpleIntervalJob({ minutes: 1 }, task, { preventOverrun: true }),
		);
	}

	start(): void {
		for (const job of this.#jobs) this.#scheduler.addSimpleIntervalJob(job);
	}

	stop(): void {
		this.#scheduler.stop();
	}
}
