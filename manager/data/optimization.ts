import type { Database } from "../database/database.ts";
import type { ForeignDatabase } from "../database/foreign-database.ts";
import type { Job, Jobs } from "../jobs/jobs.ts";
import type { Settings } from "../settings/settings.ts";
import type { Log } from "../shared/log.ts";
import { OperationError } from "../shared/operation-error.ts";
import type { Scheduler } from "../shared/scheduler.ts";
import { isOptimizationDue, nextOptimization } from "./next-optimization.ts";

const maxOffsetMs = 7 * 60 * 60_000;
/** An owner whose functions never end does not keep the others waiting for long. */
const limitMs = 60 * 60_000;
const statement = "VACUUM (ANALYZE, SKIP_LOCKED)";

export interface OptimizationRun {
	startedAt: Date;
	/** Undefined while it runs. */
	endedAt?: Date;
	/** Names of the databases that could not be optimized. */
	failed: string[];
}

/**
 * Frees the space of deleted rows for new ones and updates the planner's statistics in the databases of the manager
 * and of all instances, once a night. Unlike "clean up", it runs in the background: apps stay available. PostgreSQL's
 * autovacuum looks after other databases.
 */
export class Optimization {
	readonly #database: Database;
	readonly #instanceDatabases: () => Promise<ForeignDatabase[]>;
	readonly #settings: Settings;
	readonly #jobs: Jobs;
	readonly #log: Log;
	/** Random, so that virtual machines on one host do not all work at the same time. */
	readonly #offsetMs = Math.random() * maxOffsetMs;
	#lastCheck = new Date();
	#last: OptimizationRun | undefined;

	constructor(
		database: Database,
		instanceDatabases: () => Promise<ForeignDatabase[]>,
		settings: Settings,
		jobs: Jobs,
		scheduler: Scheduler,
		log: Log,
	) {
		this.#database = database;
		this.#instanceDatabases = instanceDatabases;
		this.#settings = settings;
		this.#jobs = jobs;
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
		void this.#jobs
			.run({ kind: "databaseOptimization" }, (job) =>
				this.#optimizeAll(run, job),
			)
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

	async #optimizeAll(run: OptimizationRun, job: Job): Promise<void> {
		const [server] = await this.#database.query<{ isStandby: boolean }>(
			`SELECT pg_is_in_recovery() AS "isStandby"`,
		);
		if (server?.isStandby) return;
		// A locked table is skipped until the next night.
		const attempt = (name: string, work: () => Promise<unknown>) =>
			work().catch((error) => {
				this.#log.warn(
					{ err: error, name },
					"optimization of a database failed",
				);
				run.failed.push(name);
			});
		await attempt("manager", () => this.#database.maintain(statement));
		const databases = await this.#instanceDatabases();
		for (const [index, one] of databases.entries()) {
			if (job.signal.aborted) return;
			job.report({
				step: one.database,
				done: index + 1,
				total: databases.length + 1,
				unit: "databases",
			});
			await attempt(one.database, () =>
				this.#database.inForeignDatabase(one, limitMs, (query) =>
					query(statement),
				),
			);
		}
		this.#log.info(
			{ databases: databases.length + 1, failed: run.failed },
			"the databases were optimized",
		);
	}
}
