import { setTimeout as delay } from "node:timers/promises";

const initialDelayMs = 250;
const maxDelayMs = 10_000;

/** @returns the delay after a number of failures (1 or more). */
export function retryDelayMs(failures: number): number {
	return Math.min(initialDelayMs * 2 ** (failures - 1), maxDelayMs);
}

/**
 * Repeats an attempt with growing delays until it succeeds.
 * @param onFailure called with each error and the delay before the next attempt.
 * @throws AbortError if aborted while waiting.
 */
export async function retryUntilDone<Result>(
	attempt: () => Promise<Result>,
	onFailure: (error: unknown, delayMs: number) => void,
	signal: AbortSignal,
): Promise<Result> {
	for (let failures = 1; ; failures++) {
		try {
			return await attempt();
		} catch (error) {
			signal.throwIfAborted();
			onFailure(error, retryDelayMs(failures));
			await delay(retryDelayMs(failures), undefined, { signal });
		}
	}
}
