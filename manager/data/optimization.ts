import type { Database } from "../database/database.ts";
import type { Settings } from "../settings/settings.ts";
import type { Log } from "../shared/log.ts";
import { OperationError } from "../shared/operation-error.ts";
import type { Scheduler } from "../shared/scheduler.ts";
import { isOptimizationDue, nextOptimization } from "./next-optimization.ts";

const maxOffsetMs = 7 * 60 * 60_000;

export interface OptimizationRun {
	startedAt: Date;
	/** Undefined while it runs. */
	endedAt?: Date;
	/** Names of the databases that could not be optimized. */
	failed: string[];
}

/**
 * Frees the space of deleted rows for new ones and updates the planner's statistics in all
 * databases, once a night, like `vacuumdb --all --analyze`. Unlike "clean up", it runs in the
 * background: apps stay available.
 */
export class Optimization {
	readonly #database: Database;
	readonly #settings: Settings;
	readonly #log: Log;
	/** Random, so that virtual machines on one host do not all work at the same time. */
	readonly #offsetMs = Math.random() * maxOffsetMs;
	#lastCheck = new Date();
	#last: OptimizationRun | undefined;

	constructor(
		database: Database,
		settings: Settings,
		scheduler: Scheduler,
		log: Log,
	) {
		this.#database = database;
		this.#settings = settings;
		this.#log = log;
		scheduler.everyMinute("database optimization", () => this.#runIfDue());
	}

	/** The last run since the start of the manager. */
	get last(): OptimizationRun | undefined {
		return this.#last;
	}

	/** The hour of local time after which it starts. @throws DatabaseUnavailable */
	hour(): Promise<number> {
		return this.#settings.get("databaseOptimizationHour");
	}

	async next(): Promise<Date> {
		return nextOptimization(new Date(), await this.hour(), this.#offsetMs);
	}

	/** Starts a run and returns; `last` has its result. @throws OperationError while one runs. */
	run(): void {
		if (this.#last && !this.#last.endedAt)
			throw new OperationError(
				"conflict",
				"optimizationRuns",
				"The databases are already being optimized",
			);
		const run: OptimizationRun = { startedAt: new Date(), failed: [] };
		this.#last = run;
		void this.#optimizeAll(run)
			.catch((error) =>
				this.#log.warn({ err: error }, "database optimization failed"),
			)
			.finally(() => {
				run.endedAt = new Date();
			});
	}

	async #runIfDue(): Promise<void> {
		const now = new Date();
		const hour = await this.hour();
		const lastCheck = this.#lastCheck;
		this.#lastCheck = now;
		if (isOptimizationDue(lastCheck, now, hour, this.#offsetMs)) this.run();
	}

	async #optimizeAll(run: OptimizationRun): Promise<void> {
		const names = await this.#database.query<{ name: string }>(
			`SELECT datname AS name FROM pg_database
			 WHERE datallowconn AND NOT pg_is_in_recovery() ORDER BY datname`,
		);
		// A locked table is skipped until the next night.
		for (const { name } of names)
			await this.#database
				.queryIn(name, "VACUUM (ANALYZE, SKIP_LOCKED)")
				.catch((error) => {
					this.#log.warn(
						{ err: error, name },
						"optimization of a database failed",
					);
					run.failed.push(name);
				});
		this.#log.info(
			{ databases: names.length, failed: run.failed },
			"the databases were optimized",
		);
	}
}
