import * as z from "zod";
import type { Database } from "../database/database.ts";
import type { Config } from "../settings/config.ts";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { OperationError } from "../shared/operation-error.ts";
import { isOptimizationDue, nextOptimization } from "./next-optimization.ts";

/** In the table `config`. */
export const optimizationHourName = "databaseOptimizationHour";
export const optimizationHour = z.int().min(0).max(23);
/** With the longest offset it ends at five in the morning. */
const defaultHour = 22;
const longestOffsetMs = 7 * 60 * 60_000;
const lookEveryMs = 60_000;

export interface OptimizationRun {
	startedAt: Date;
	/** Not there while it runs. */
	endedAt?: Date;
	/** Databases that it could not optimize. */
	failed: string[];
}

/**
 * Makes the rows of deleted data usable again and brings the planner's figures up to date, in
 * all databases, once a night: what `vacuumdb --all --analyze` does. Unlike "clean up", nobody
 * has to wait for it.
 */
export class Optimization implements Part {
	readonly name = "optimization";
	readonly #database: Database;
	readonly #config: Config;
	readonly #log: Log;
	/** Anew at each start: virtual machines on one host do not all work at the same time. */
	readonly #offsetMs = Math.random() * longestOffsetMs;
	#lastLook = new Date();
	#timer: NodeJS.Timeout | undefined;
	#last: OptimizationRun | undefined;

	constructor(database: Database, config: Config, log: Log) {
		this.#database = database;
		this.#config = config;
		this.#log = log;
	}

	start(): void {
		this.#timer = setInterval(() => void this.#look(), lookEveryMs);
	}

	stop(): void {
		clearInterval(this.#timer);
	}

	/** Since the manager has started. */
	get last(): OptimizationRun | undefined {
		return this.#last;
	}

	async hour(): Promise<number> {
		const hour = await this.#config.read(
			optimizationHourName,
			optimizationHour,
		);
		return hour ?? defaultHour;
	}

	async next(): Promise<Date> {
		return nextOptimization(new Date(), await this.hour(), this.#offsetMs);
	}

	async setHour(hour: number): Promise<void> {
		await this.#config.write(optimizationHourName, hour);
	}

	/** Begins; `last` tells how it goes on. @throws OperationError while one runs. */
	begin(): void {
		if (this.#last && !this.#last.endedAt)
			throw new OperationError(
				"conflict",
				"optimizationRuns",
				"The databases are being optimized already",
			);
		const run: OptimizationRun = { startedAt: new Date(), failed: [] };
		this.#last = run;
		void this.#optimizeAll(run)
			.catch((error) =>
				this.#log.warn({ err: error }, "databases are not optimized"),
			)
			.finally(() => {
				run.endedAt = new Date();
			});
	}

	async #look(): Promise<void> {
		try {
			const now = new Date();
			const hour = await this.hour();
			const lastLook = this.#lastLook;
			this.#lastLook = now;
			if (isOptimizationDue(lastLook, now, hour, this.#offsetMs)) this.begin();
		} catch (error) {
			this.#log.debug({ err: error }, "no look at the time of optimization");
		}
	}

	async #optimizeAll(run: OptimizationRun): Promise<void> {
		const names = await this.#database.query<{ name: string }>(
			`SELECT datname AS name FROM pg_database
			 WHERE datallowconn AND NOT pg_is_in_recovery() ORDER BY datname`,
		);
		// A table that somebody keeps locked waits for another night.
		for (const { name } of names)
			await this.#database
				.queryIn(name, "VACUUM (ANALYZE, SKIP_LOCKED)")
				.catch((error) => {
					this.#log.warn({ err: error, name }, "a database is not optimized");
					run.failed.push(name);
				});
		this.#log.info(
			{ databases: names.length, failed: run.failed },
			"the databases were optimized",
		);
	}
}
