import { setTimeout as delay } from "node:timers/promises";

const firstDelayMs = 250;
const longestDelayMs = 10_000;

/** How long to wait after a number of failures (1 or more). */
export function retryDelayMs(failures: number): number {
	return Math.min(firstDelayMs * 2 ** (failures - 1), longestDelayMs);
}

/**
 * Repeats an attempt until it succeeds, with growing delays.
 * @param failed told of each failure and of the delay until the next attempt.
 * @throws AbortError when the signal is given while it waits.
 */
export async function retryUntilDone(
	attempt: () => Promise<void>,
	failed: (error: unknown, delayMs: number) => void,
	signal: AbortSignal,
): Promise<void> {
	for (let failures = 1; ; failures++) {
		try {
			return await attempt();
		} catch (error) {
			signal.throwIfAborted();
			failed(error, retryDelayMs(failures));
			await delay(retryDelayMs(failures), undefined, { signal });
		}
	}
}
