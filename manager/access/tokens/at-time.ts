/** The clock may be set meanwhile, and Node's timers end after 24 days. */
const longestWaitMs = 60_000;

/** Does something at a time, given in ms since 1970. @returns what calls it off. */
export function atTime(timeMs: number, work: () => void): () => void {
	let timer: NodeJS.Timeout;
	const wait = () => {
		const leftMs = timeMs - Date.now();
		timer =
			leftMs <= longestWaitMs
				? setTimeout(work, leftMs)
				: setTimeout(wait, longestWaitMs);
	};
	wait();
	return () => clearTimeout(timer);
}
