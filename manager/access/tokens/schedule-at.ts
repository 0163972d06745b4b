/** Checks the clock this often: it may be set, and Node's timers are limited to 24 days. */
const maxWaitMs = 60_000;

/** Calls a function at a time in ms since 1970. @returns a function that cancels it. */
export function scheduleAt(timeMs: number, work: () => void): () => void {
	let timer: NodeJS.Timeout;
	const wait = () => {
		const leftMs = timeMs - Date.now();
		timer =
			leftMs <= maxWaitMs
				? setTimeout(work, leftMs)
				: setTimeout(wait, maxWaitMs);
	};
	wait();
	return () => clearTimeout(timer);
}
