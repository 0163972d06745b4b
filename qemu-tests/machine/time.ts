import { setTimeout as delay } from "node:timers/promises";

/**
 * Every time limit of the tests is meant for an idle two-core machine without KVM and is multiplied by this factor: set
 * QEMU_TEST_TIME_FACTOR=3 on a slow or busy host.
 */
export const timeFactor = parseTimeFactor(process.env.QEMU_TEST_TIME_FACTOR);

/** Returns the scaled time limit, in milliseconds. */
export function timeLimit(milliseconds: number): number {
	return Math.round(milliseconds * timeFactor);
}

/**
 * Repeats an attempt until it returns a value other than undefined. Only for conditions without an event, such as "the
 * guest's port answers". An attempt may throw: the last error becomes the cause of the final one.
 */
export async function eventually<Result>(
	what: string,
	attempt: () => Promise<Result | undefined>,
	{ timeoutMs = 60_000, intervalMs = 500 } = {},
): Promise<Result> {
	const end = Date.now() + timeLimit(timeoutMs);
	let cause: unknown;
	do {
		try {
			const result = await attempt();
			if (result !== undefined) return result;
		} catch (error) {
			if (error instanceof PermanentError) throw error.cause ?? error;
			cause = error;
		}
		await delay(intervalMs);
	} while (Date.now() < end);
	const reason = cause instanceof Error ? `: ${cause.message}` : "";
	throw new Error(
		`Timed out after ${timeLimit(timeoutMs) / 1000} s: ${what}${reason}`,
		{ cause },
	);
}

/** Thrown by an attempt that must not be repeated. */
export class PermanentError extends Error {}

/** Rejects when the promise has not settled in time. The promise itself is not cancelled. */
export async function within<Result>(
	what: string,
	timeoutMs: number,
	promise: Promise<Result>,
): Promise<Result> {
	const timer = new AbortController();
	const late = delay(timeLimit(timeoutMs), undefined, { signal: timer.signal });
	try {
		return await Promise.race([
			promise,
			late.then(() => {
				throw new Error(
					`Timed out after ${timeLimit(timeoutMs) / 1000} s: ${what}`,
				);
			}),
		]);
	} finally {
		timer.abort();
		late.catch(() => {});
	}
}

function parseTimeFactor(text: string | undefined): number {
	if (text === undefined || text === "") return 1;
	const factor = Number(text);
	if (!(factor > 0))
		throw new Error(
			`QEMU_TEST_TIME_FACTOR is "${text}"; it must be a number above 0`,
		);
	return factor;
}
