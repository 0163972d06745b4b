import { constants, type FileHandle, open, rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { OperationError } from "../../shared/operation-error.ts";
import { retryDelayMs } from "../../shared/retry.ts";
import { sha256Of } from "../services/files.ts";
import { type Beginning, nothingYet, type StoreSource } from "./source.ts";
import type { Staging } from "./staging.ts";

/** In a row, with no byte in between: about half a minute. */
const mostFailures = 8;

/** The line stayed broken: what has arrived is kept, and the next attempt goes on with it. */
export class DownloadInterrupted extends OperationError {
	constructor(reason: string) {
		super(
			"upstream",
			"downloadInterrupted",
			`${reason}. What has arrived is kept: install it again, and it goes on`,
		);
	}
}

/**
 * A file of a store, gone on with where its line breaks, or broke when it was fetched before.
 * @param name of the file in the staging folder.
 * @param received told how many bytes are there.
 * @returns its SHA-256, lower-case hex.
 * @throws DownloadInterrupted; OperationError naming the file, of which nothing stays; or what the
 * signal is aborted with.
 */
export async function downloadFile(
	source: StoreSource,
	path: string,
	staging: Staging,
	name: string,
	mostBytes: number,
	received: (bytes: number) => void,
	signal: AbortSignal,
): Promise<string> {
	const to = await staging.place(name);
	const { O_RDWR, O_CREAT } = constants;
	const file = await open(to, O_RDWR | O_CREAT, 0o755);
	try {
		const version = staging.version(name);
		let have: Beginning = nothingYet;
		if (version) have = { bytes: (await file.stat()).size, version };
		for (let failures = 0; ; ) {
			const before = have.bytes;
			try {
				const { start, chunks } = await source.rest(path, have, signal);
				have = start;
				if ((await file.stat()).size > have.bytes) {
					await file.truncate(have.bytes);
					// Else a power cut could leave the old bytes as the new version's.
					await file.sync();
				}
				await staging.setVersion(name, have.version);
				for await (const chunk of chunks) {
					await writeAll(file, chunk, have.bytes);
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
				if (!isWorthAnother(error)) {
					await rm(to);
					throw source.refusal(path, error);
				}
				if (failures > mostFailures)
					throw new DownloadInterrupted(source.refusal(path, error).message);
				await delay(retryDelayMs(failures), undefined, { signal });
			}
		}
	} finally {
		await file.close();
	}
	return (await sha256Of(to)) ?? "";
}

/** A disk that is nearly full takes less than it is given, and says why only at the next attempt. */
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

/** Neither a refusal nor a fault of our own disk, which have a number. */
function isWorthAnother(error: unknown): boolean {
	return (
		!(error instanceof OperationError) &&
		(error as NodeJS.ErrnoException).errno === undefined
	);
}
