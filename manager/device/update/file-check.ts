import { type Release, readRelease } from "../system/release.ts";
import type { ReceivedFile } from "./received-file.ts";
import { UpdateError } from "./update-error.ts";
import { readUpdate } from "./update-file.ts";

const cancelled = new UpdateError(
	"cancelled",
	"The check of the update file was cancelled",
);

/** Checks the received file. Concurrent callers share one check. */
export class FileCheck {
	readonly #received: ReceivedFile;
	readonly #keysDirectory: string;
	readonly #releaseFile: string;
	#running: Promise<Release> | undefined;
	#cancelling = new AbortController();

	constructor(
		received: ReceivedFile,
		{
			keysDirectory,
			releaseFile,
		}: { keysDirectory: string; releaseFile: string },
	) {
		this.#received = received;
		this.#keysDirectory = keysDirectory;
		this.#releaseFile = releaseFile;
	}

	get isRunning(): boolean {
		return this.#running !== undefined;
	}

	/** Deletes a file that can never become valid. @throws UpdateError */
	run(): Promise<Release> {
		if (!this.#running) {
			this.#cancelling = new AbortController();
			this.#running = this.#check(this.#cancelling.signal).finally(() => {
				this.#running = undefined;
			});
		}
		return this.#running;
	}

	/** Rejects for all callers with the error `cancelled`. */
	async cancel(): Promise<void> {
		this.#cancelling.abort(cancelled);
		await this.#running?.catch(() => {});
	}

	async #check(signal: AbortSignal): Promise<Release> {
		const receivedBytes = await this.#received.size();
		if (receivedBytes === 0)
			throw new UpdateError(
				"nothingReceived",
				"There is no update file yet: upload or download one",
			);
		const running = await readRelease(this.#releaseFile);
		try {
			return await readUpdate(this.#received.path, {
				keysDirectory: this.#keysDirectory,
				target: running?.target,
				signal,
			});
		} catch (error) {
			if (!(error instanceof UpdateError) || error === cancelled) throw error;
			if (error.code !== "incomplete")
				throw await deleteBadFile(this.#received, error);
			const announcedBytes = await this.#received.announcedBytes();
			if (announcedBytes === undefined || receivedBytes < announcedBytes)
				throw error;
			throw await deleteBadFile(
				this.#received,
				new UpdateError(
					"damaged",
					`The file is truncated, although all ${announcedBytes} bytes of it were uploaded`,
				),
			);
		}
	}
}

/** Deletes a file that can never become valid. @returns the error to throw. */
export async function deleteBadFile(
	received: ReceivedFile,
	error: UpdateError,
): Promise<UpdateError> {
	await received.remove();
	return new UpdateError(
		error.code,
		`${error.message}. The file was deleted: upload or download another one`,
		{ cause: error },
	);
}
