import type { Log } from "./log.ts";

/** Something that the manager consists of while it runs. */
export interface Part {
	name: string;
	start(): Promise<void> | void;
	stop?(): Promise<void> | void;
}

const stopLimitMs = 10_000;

/**
 * Starts the parts in order, and stops them in reverse order on SIGTERM or SIGINT.
 * Whatever goes wrong unexpectedly ends the process with a failure: its supervisor
 * starts a fresh one, which is safer than going on in an unknown state.
 */
export async function runParts(log: Log, parts: Part[]): Promise<void> {
	const started: Part[] = [];
	process.on("uncaughtException", (error) => {
		log.fatal({ err: error }, "unexpected error, the manager ends");
		process.exit(1);
	});
	for (const signal of ["SIGTERM", "SIGINT"] as const)
		process.once(signal, () => void stopAndExit(log, signal, started));

	for (const part of parts) {
		started.push(part);
		await part.start();
		log.debug({ part: part.name }, "started");
	}
}

async function stopAndExit(
	log: Log,
	signal: NodeJS.Signals,
	started: Part[],
): Promise<void> {
	log.info({ signal }, "stopping");
	setTimeout(() => {
		log.error({ stopLimitMs }, "could not stop in time, the manager ends");
		process.exit(1);
	}, stopLimitMs).unref();
	for (const part of started.reverse()) {
		await part.stop?.();
		log.debug({ part: part.name }, "stopped");
	}
	log.info("stopped");
	process.exit(0);
}
