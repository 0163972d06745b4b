import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { retryDelayMs } from "../database/retry.ts";
import { OperationError } from "../operations/operation.ts";
import { sha256Of } from "../services/files.ts";
import { nothingYet, type StoreSource } from "./source.ts";

/** In a row, with no byte in between: about half a minute. */
const mostFailures = 8;

/**
 * A file of a store, gone on with where its line breaks.
 * @param received told how many bytes are there.
 * @returns its SHA-256, lower-case hex.
 * @throws OperationError naming the file; or what the signal is aborted with.
 */
export async function downloadFile(
	source: StoreSource,
	path: string,
	to: string,
	mostBytes: number,
	received: (bytes: number) => void,
	signal: AbortSignal,
): Promise<string> {
	const file = await open(to, "w", 0o755);
	try {
		let have = nothingYet;
		for (let failures = 0; ; ) {
			const before = have.bytes;
			try {
				const { start, chunks } = await source.rest(path, have, signal);
				have = start;
				await file.truncate(have.bytes);
				for await (const chunk of chunks) {
					await file.write(chunk, 0, chunk.length, have.bytes);
					have = { ...have, bytes: have.bytes + chunk.length };
					received(have.bytes);
					if (have.bytes > mostBytes)
						throw source.refusal(
							path,
							new Error(`it has more than ${mostBytes} bytes`),
						);
				}
				break;
			} catch (error) {
				signal.throwIfAborted();
				failures = have.bytes > before ? 1 : failures + 1;
				if (!isWorthAnother(error) || failures > mostFailures)
					throw source.refusal(path, error);
				await delay(retryDelayMs(failures), undefined, { signal });
			}
		}
	} finally {
		await file.close();
	}
	return (await sha256Of(to)) ?? "";
}

/** Neither a refusal nor a fault of our own disk, which have a number. */
function isWorthAnother(error: unknown): boolean {
	return (
		!(error instanceof OperationError) &&
		(error as NodeJS.ErrnoException).errno === undefined
	);
}
