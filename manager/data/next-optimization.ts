/** A longer gap between checks means that the clock was set or the machine slept. */
const maxGapMs = 60 * 60_000;

/**
 * Returns when the databases are optimized next.
 * @param hour of local time.
 * @param offsetMs is added to the hour and may reach into the next day.
 */
export function nextOptimization(
	after: Date,
	hour: number,
	offsetMs: number,
): Date {
	for (let day = after.getDate() - 1; ; day++) {
		// Local time: an hour skipped in spring becomes the one after it.
		const time = new Date(after.getFullYear(), after.getMonth(), day, hour);
		const next = new Date(time.getTime() + offsetMs);
		if (next > after) return next;
	}
}

/** Returns whether an optimization became due since the last check. */
export function isOptimizationDue(
	lastCheck: Date,
	now: Date,
	hour: number,
	offsetMs: number,
): boolean {
	const gapMs = now.getTime() - lastCheck.getTime();
	return (
		gapMs <= maxGapMs && nextOptimization(lastCheck, hour, offsetMs) <= now
	);
}
