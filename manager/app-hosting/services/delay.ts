const firstMs = 1_000;
const mostMs = 60_000;
/** A process that ran that long was healthy. */
export const healthyMs = 60_000;
/** So many crashes without a healthy time between them are a loop. */
const crashLoop = 5;

/** How long a service that ends too soon waits before its next start. */
export class RestartDelay {
	#crashes = 0;

	/** @returns the delay in milliseconds: 1 s, doubled each time, 1 min at most. */
	after(ranMs: number): number {
		if (ranMs >= healthyMs) this.#crashes = 0;
		this.#crashes += 1;
		return Math.min(firstMs * 2 ** (this.#crashes - 1), mostMs);
	}

	/** @param runsMs for how long it runs now; 0 where it does not. */
	isLoop(runsMs: number): boolean {
		return this.#crashes >= crashLoop && runsMs < healthyMs;
	}
}
