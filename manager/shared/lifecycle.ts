import type { Log } from "./log.ts";

/** A part of the running manager, with a lifecycle of its own. */
export interface Part {
	name: string;
	start(): Promise<void> | void;
	stop?(): Promise<void> | void;
}

const stopTimeoutMs = 10_000;

/**
 * Starts the parts in order, and stops them in reverse order on SIGTERM or SIGINT.
 * An unexpected error ends the process with a failure: its supervisor restarts it,
 * which is safer than continuing in an unknown state.
 */
export async function runParts(log: Log, parts: Part[]): Promise<void> {
	const started: Part[] = [];
	process.on("uncaughtException", (error) => {
		log.fatal({ err: error }, "unexpected error; exiting");
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
		log.error({ stopTimeoutMs }, "stopping timed out; exiting");
		process.exit(1);
	}, stopTimeoutMs).unref();
	for (const part of started.reverse()) {
		await part.stop?.();
		log.debug({ part: part.name }, "stopped");
	}
	log.info("stopped");
	process.exit(0);
}
