import { constants, type FileHandle, open, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { OperationError } from "../../shared/operation-error.ts";
import { retryDelayMs } from "../../shared/retry.ts";
import { sha256Of } from "../services/service-files.ts";
import type { Staging } from "./staging.ts";
import {
	emptyFile,
	type PartialFile,
	type StoreSource,
} from "./store-source.ts";

/** In a row, without receiving a byte: about half a minute. */
const maxFailures = 8;

/** The retries failed too. The partial download is kept, and the next attempt resumes it. */
export class DownloadInterrupted extends OperationError {
	constructor(reason: string) {
		super(
			"upstream",
			"downloadInterrupted",
			`${reason}. The downloaded part is kept: install the app again to resume`,
		);
	}
}

/**
 * Downloads a store's file. Resumes when the connection breaks, and where an earlier download was
 * interrupted.
 * @param name of the file in the staging directory.
 * @param onProgress called with the number of bytes received.
 * @returns its SHA-256, lower-case hex.
 * @throws DownloadInterrupted; OperationError naming the file, which is then deleted; or the
 * signal's reason.
 */
export async function downloadFile(
	source: StoreSource,
	path: string,
	staging: Staging,
	name: string,
	maxBytes: number,
	onProgress: (bytes: number) => void,
	signal: AbortSignal,
): Promise<string> {
	const to = await staging.pathFor(name);
	const { O_RDWR, O_CREAT } = constants;
	const file = await open(to, O_RDWR | O_CREAT, 0o755);
	try {
		const etag = staging.etag(name);
		let received: PartialFile = emptyFile;
		if (etag) received = { bytes: (await file.stat()).size, etag };
		for (let failures = 0; ; ) {
			const bytesBefore = received.bytes;
			try {
				const { start, chunks } = await source.resume(path, received, signal);
				received = start;
				if ((await file.stat()).size > received.bytes) {
					await file.truncate(received.bytes);
					// Otherwise a power cut could leave old bytes under the new entity tag.
					await file.sync();
				}
				await staging.setEtag(name, received.etag);
				for await (const chunk of chunks) {
					await writeAll(file, chunk, received.bytes);
					received = { ...received, bytes: received.bytes + chunk.length };
					onProgress(received.bytes);
					if (received.bytes > maxBytes)
						throw source.toOperationError(
							path,
							new Error(`it has more than ${maxBytes} bytes`),
						);
				}
				break;
			} catch (error) {
				signal.throwIfAborted();
				failures = received.bytes > bytesBefore ? 1 : failures + 1;
				if (!isRetryable(error)) {
					await rm(to);
					throw source.toOperationError(path, error);
				}
				if (failures > maxFailures)
					throw new DownloadInterrupted(
						source.toOperationError(path, error).message,
					);
				await delay(retryDelayMs(failures), undefined, { signal });
			}
		}
	} finally {
		await file.close();
	}
	return (await sha256Of(to)) ?? "";
}

/** Writes in a loop: on a nearly full disk a write may be short, and only the next one fails. */
async function writeAll(
	file: FileHandle,
	chunk: Uint8Array,
	position: number,
): Promise<void> {
	for (let done = 0; done < chunk.length; ) {
		const { bytesWritten } = await file.write(
			chunk,
			done,
			chunk.length - done,
			position + done,
		);
		done += bytesWritten;
	}
}

/** Refusals and local disk errors, which have an errno, are final. */
function isRetryable(error: unknown): boolean {
	return (
		!(error instanceof OperationError) &&
		(error as NodeJS.ErrnoException).errno === undefined
	);
}
