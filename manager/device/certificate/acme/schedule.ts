const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const renewBeforeMs = 30 * dayMs;
/** Authorities count failures by the hour. */
const firstDelayMs = 15 * minuteMs;
const longestDelayMs = dayMs;

/** What came of the orders so far. */
export interface Orders {
	/** Whether the certificate in use came from one. */
	isIssued: boolean;
	/** In a row, up to now. */
	failures: number;
	/** Milliseconds since 1970. */
	lastFailureMs: number;
}

/**
 * When to order next, in milliseconds since 1970; a time that has passed means now. 30 days
 * before the end, or a third of its life where that is less; after failures with growing delay.
 * @param certificate in use; undefined where there is none yet.
 */
export function nextOrderMs(
	{ isIssued, failures, lastFailureMs }: Orders,
	certificate: { validFrom: string; validUntil: string } | undefined,
	nowMs: number,
): number {
	const delayMs = failures === 0 ? 0 : orderDelayMs(failures);
	// A clock that was set back must not make it wait for years.
	const allowedMs = Math.min(lastFailureMs + delayMs, nowMs + delayMs);
	if (!isIssued || !certificate) return allowedMs;
	const untilMs = Date.parse(certificate.validUntil);
	const lifeMs = untilMs - Date.parse(certificate.validFrom);
	return Math.max(allowedMs, untilMs - Math.min(renewBeforeMs, lifeMs / 3));
}

/** @param failures 1 or more. */
export function orderDelayMs(failures: number): number {
	return Math.min(firstDelayMs * 2 ** (failures - 1), longestDelayMs);
}
