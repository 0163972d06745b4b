const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const renewBeforeMs = 30 * dayMs;
/** Authorities count failures by the hour. */
const firstDelayMs = 15 * minuteMs;
const maxDelayMs = dayMs;

/** The results of past orders. */
export interface OrderHistory {
	/** Whether the current certificate comes from an order. */
	isIssued: boolean;
	/** Since the last success. */
	failures: number;
	/** Milliseconds since 1970. */
	lastFailureMs: number;
}

/**
 * Returns when to order next, in milliseconds since 1970; a past time means now. This is 30 days
 * before the expiry, or a third of the lifetime if that is less; later after failures.
 * @param certificate is the current one; undefined if there is none yet.
 */
export function nextOrderMs(
	{ isIssued, failures, lastFailureMs }: OrderHistory,
	certificate: { validFrom: string; validUntil: string } | undefined,
	nowMs: number,
): number {
	const delayMs = failures === 0 ? 0 : orderDelayMs(failures);
	// After the clock was set back, the order must not wait for years.
	const allowedMs = lastFailureMs > nowMs ? nowMs : lastFailureMs + delayMs;
	if (!isIssued || !certificate) return allowedMs;
	const untilMs = Date.parse(certificate.validUntil);
	const lifeMs = untilMs - Date.parse(certificate.validFrom);
	return Math.max(allowedMs, untilMs - Math.min(renewBeforeMs, lifeMs / 3));
}

/** @param failures 1 or more. */
export function orderDelayMs(failures: number): number {
	return Math.min(firstDelayMs * 2 ** (failures - 1), maxDelayMs);
}
