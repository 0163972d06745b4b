const firstDelayMs = 1_000;
const maxDelayMs = 60_000;
/** A process that ran this long was healthy. */
export const healthyAfterMs = 60_000;
/** This many crashes without a healthy run in between are a crash loop. */
const crashLoopCrashes = 5;

/** Calculates how long a crashed service waits before its next start. */
export class RestartDelay {
	#crashes = 0;

	/** Counts a crash. @returns milliseconds: 1 s, doubled each time, 1 min at most. */
	afterCrash(ranMs: number): number {
		if (ranMs >= healthyAfterMs) this.#crashes = 0;
		this.#crashes += 1;
		return Math.min(firstDelayMs * 2 ** (this.#crashes - 1), maxDelayMs);
	}

	/** @param runsMs how long the process has been running; 0 if it is not running. */
	isCrashLoop(runsMs: number): boolean {
		return this.#crashes >= crashLoopCrashes && runsMs < healthyAfterMs;
	}
}
