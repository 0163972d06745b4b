import { type Logger, pino } from "pino";

export type Log = Logger;

/** Logs JSON lines to standard output, where the service supervisor collects them. */
export function createLog(level: string): Log {
	return pino(
		{
			level,
			base: null,
			timestamp: pino.stdTimeFunctions.isoTime,
			formatters: { level: (label) => ({ level: label }) },
		},
		// Synchronous, so that the last line before a crash is not lost and no worker thread is needed.
		pino.destination({ fd: 1, sync: true }),
	);
}
