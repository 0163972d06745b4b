import { constants, type FileHandle, open, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import {
	type DownloadTarget,
	download,
} from "../../shared/download/download.ts";
import { assertFreeSpace } from "../../shared/free-space.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { retryDelayMs } from "../../shared/retry.ts";
import { sha256Of } from "../services/service-files.ts";
import type { Staging } from "./staging.ts";
import type { StoreSource } from "./store-source.ts";

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
		const target: DownloadTarget = {
			received: async () => ({
				bytes: (await file.stat()).size,
				validator: staging.validator(name),
			}),
			keep: async ({ bytes, validator }) => {
				if ((await file.stat()).size > bytes) {
					await file.truncate(bytes);
					await file.sync();
				}
				await staging.setValidator(name, validator);
			},
			async write(chunk, position) {
				await assertFreeSpace(staging.directory, chunk.length, path);
				await writeAll(file, chunk, position);
			},
		};
		let receivedBytes = 0;
		for (let failures = 0; ; ) {
			const bytesBefore = receivedBytes;
			try {
				await download(
					(received, attempt) => source.request(path, received, attempt),
					target,
					(bytes) => {
						receivedBytes = bytes;
						onProgress(bytes);
						if (bytes > maxBytes)
							throw source.toOperationError(
								path,
								new Error(`it has more than ${maxBytes} bytes`),
							);
					},
					signal,
				);
				break;
			} catch (error) {
				signal.throwIfAborted();
				failures = receivedBytes > bytesBefore ? 1 : failures + 1;
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
