import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Mutex } from "async-mutex";
import {
	type ConnectionResult,
	type ConnectionTarget,
	formatProblem,
} from "./connection-result.ts";

/** Longer than the timeouts of all steps in the worker. */
const timeoutMs = 20_000;
const maxHeapMb = 32;

export interface ConnectionReport {
	works: boolean;
	/** For administrators; contains no text from the server but its version. */
	text: string;
	/** Only its plausible characters. */
	version?: string;
	usesTls?: boolean;
}

/**
 * Tests connections to databases, one at a time. The server may be anything and hostile: the
 * drivers run in a worker thread, which contains their errors, memory and endless loops.
 */
export class ConnectionTests {
	readonly #mutex = new Mutex();

	run(target: ConnectionTarget): Promise<ConnectionReport> {
		return this.#mutex.runExclusive(async () =>
			toReport(target, await runWorker(target)),
		);
	}
}

async function runWorker(target: ConnectionTarget): Promise<ConnectionResult> {
	const worker = new Worker(CONNECTION_TEST_PROGRAM, {
		eval: true,
		workerData: target,
		env: {},
		stdout: true,
		stderr: true,
		resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
	});
	const timeout = AbortSignal.timeout(timeoutMs);
	try {
		const [result] = await once(worker, "message", { signal: timeout });
		return result;
	} catch {
		return { problem: timeout.aborted ? "timedOut" : "noSuchServer" };
	} finally {
		worker.on("error", () => {}); // Late errors do not matter.
		await worker.terminate();
	}
}

function toReport(
	target: ConnectionTarget,
	result: ConnectionResult,
): ConnectionReport {
	if ("problem" in result)
		return { works: false, text: formatProblem(result.problem, target) };
	const version = /^[\w.()+:~ -]{1,60}/.exec(result.version)?.[0] ?? "unknown";
	const { usesTls } = result;
	const product = target.kind === "mysql" ? "MySQL" : "PostgreSQL";
	return {
		works: true,
		text: `It works: ${product} ${version}, ${usesTls ? "with" : "without"} TLS`,
		version,
		usesTls,
	};
}
