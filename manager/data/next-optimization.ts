/** A longer look away was a clock that was set, or a machine that slept. */
const longestGapMs = 60 * 60_000;

/**
 * When databases are optimized next: at an hour of local time and some time after it.
 * @param offsetMs may reach into the next day.
 */
export function nextOptimization(
	after: Date,
	hour: number,
	offsetMs: number,
): Date {
	for (let day = after.getDate() - 1; ; day++) {
		// Local time: an hour that a clock leaves out in spring is the one after it.
		const time = new Date(after.getFullYear(), after.getMonth(), day, hour);
		const next = new Date(time.getTime() + offsetMs);
		if (next > after) return next;
	}
}

/** Whether that time has come since one has looked last. */
export function isOptimizationDue(
	lastLook: Date,
	now: Date,
	hour: number,
	offsetMs: number,
): boolean {
	const gapMs = now.getTime() - lastLook.getTime();
	return (
		gapMs <= longestGapMs && nextOptimization(lastLook, hour, offsetMs) <= now
	);
}
