// rate-limiter-flexible counts in fixed windows and keeps a timer for each key, of which there may be any number.

export const freeFailures = 5;
const minute = 60_000;
const firstDelayMs = 2_000;
export const longestDelayMs = 5 * minute;
const forgetAfterMs = 60 * minute;

export interface AttemptLimiterOptions {
	/** How many failures are free before each further one doubles the delay. */
	freeFailures?: number;
	maxDelayMs?: number;
	/** The source that has failed least recently is forgotten when there are more. */
	maxSources?: number;
	/** Monotonic time in ms. */
	now?: () => number;
}

interface Source {
	failures: number;
	/** What was tried last; undefined if unknown. */
	attempt: string | undefined;
	failedAtMs: number;
	delayMs: number;
}

/**
 * Slows down sources of failed attempts, each on its own: after some failures a source has to wait 2 s, then 4 s,
 * up to 5 minutes. An hour without a failure is forgiven.
 */
export class AttemptLimiter {
	readonly #sources = new Map<string, Source>();
	readonly #freeFailures: number;
	readonly #maxDelayMs: number;
	readonly #maxSources: number;
	readonly #now: () => number;

	constructor({
		freeFailures: free = freeFailures,
		maxDelayMs = longestDelayMs,
		maxSources = 10_000,
		now = () => performance.now(),
	}: AttemptLimiterOptions = {}) {
		this.#freeFailures = free;
		this.#maxDelayMs = maxDelayMs;
		this.#maxSources = maxSources;
		this.#now = now;
	}

	/** @returns how long the source has to wait before its next attempt, in ms; 0 if it need not. */
	delayMs(key: string): number {
		const source = this.#sources.get(key);
		if (!source) return 0;
		return Math.max(0, source.failedAtMs + source.delayMs - this.#now());
	}

	/** @returns how often the source has failed, without an hour between two failures. */
	failures(key: string): number {
		return this.#find(key)?.failures ?? 0;
	}

	/** @param attempt what was tried; the same again tells an attacker nothing and is not counted. */
	fail(key: string, attempt?: string): void {
		const before = this.#find(key);
		if (attempt !== undefined && before?.attempt === attempt) return;
		const failures = (before?.failures ?? 0) + 1;
		const surplus = failures - this.#freeFailures;
		const delayMs =
			surplus < 0 ? 0 : Math.min(this.#maxDelayMs, firstDelayMs * 2 ** surplus);
		this.#sources.delete(key); // The order is that of the last failure.
		const [oldest] = this.#sources.keys();
		if (oldest !== undefined && this.#sources.size >= this.#maxSources)
			this.#sources.delete(oldest);
		const failedAtMs = this.#now();
		this.#sources.set(key, { failures, attempt, failedAtMs, delayMs });
	}

	#find(key: string): Source | undefined {
		const source = this.#sources.get(key);
		return source && this.#now() - source.failedAtMs < forgetAfterMs
			? source
			: undefined;
	}
}
