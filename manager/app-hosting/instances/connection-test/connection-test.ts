import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Mutex } from "async-mutex";
import { inWords } from "./in-words.ts";
import type { ConnectionResult, ConnectionTarget } from "./target.ts";

/** Longer than each step in it may take. */
const limitMs = 20_000;
const mostHeapMb = 32;

/** How a try ended. */
export interface ConnectionAnswer {
	works: boolean;
	/** In words, none of them the server's. */
	text: string;
	/** The server's, as far as it looks like one. */
	version?: string;
	usesTls?: boolean;
}

/**
 * Tries to connect to databases, one at a time. What answers may be anything: the drivers run in
 * a thread whose errors, memory and endless loops end with it.
 */
export class ConnectionTests {
	readonly #mutex = new Mutex();

	try(target: ConnectionTarget): Promise<ConnectionAnswer> {
		return this.#mutex.runExclusive(async () =>
			answer(target, await tryOnce(target)),
		);
	}
}

async function tryOnce(target: ConnectionTarget): Promise<ConnectionResult> {
	const worker = new Worker(CONNECTION_TEST_PROGRAM, {
		eval: true,
		workerData: target,
		env: {},
		stdout: true,
		stderr: true,
		resourceLimits: { maxOldGenerationSizeMb: mostHeapMb },
	});
	const limit = AbortSignal.timeout(limitMs);
	try {
		const [result] = await once(worker, "message", { signal: limit });
		return result;
	} catch {
		return { problem: limit.aborted ? "timedOut" : "noSuchServer" };
	} finally {
		worker.on("error", () => {}); // Of what it was still doing.
		await worker.terminate();
	}
}

function answer(
	target: ConnectionTarget,
	result: ConnectionResult,
): ConnectionAnswer {
	if ("problem" in result)
		return { works: false, text: inWords(result.problem, target) };
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
