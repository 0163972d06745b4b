/** Alarms that a service can have logged and stored at once … */
const burst = 50;
/** … and then one each minute: a day's alarms of a faulty service take about 1 MB of log and database. */
const refillMs = 60_000;

/**
 * Limits how much each service makes the manager write. What exceeds it is still shown; it is neither logged
 * nor stored.
 */
export class WriteBudget {
	readonly #now: () => number;
	readonly #services = new Map<string, { left: number; refilledMs: number }>();

	/** @param now monotonic time in ms. */
	constructor(now: () => number = () => performance.now()) {
		this.#now = now;
	}

	/** @returns what is left before; 0 if it is used up. */
	take(service: string): number {
		const now = this.#now();
		const budget = this.#services.get(service) ?? {
			left: burst,
			refilledMs: now,
		};
		const refills = Math.floor((now - budget.refilledMs) / refillMs);
		budget.left = Math.min(burst, budget.left + refills);
		budget.refilledMs += refills * refillMs;
		this.#services.set(service, budget);
		const { left } = budget;
		budget.left = Math.max(0, left - 1);
		return left;
	}
}
