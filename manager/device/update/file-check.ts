import { type Release, readRelease } from "../system/release.ts";
import type { ReceivedFile } from "./received.ts";
import { UpdateRefused } from "./refused.ts";
import { readUpdate } from "./update-file.ts";

const cancelled = new UpdateRefused(
	"cancelled",
	"The check of the update file was cancelled",
);

/** Checks the file that was received: once at a time, for all who ask meanwhile. */
export class FileCheck {
	readonly #received: ReceivedFile;
	readonly #keysFolder: string;
	readonly #releaseFile: string;
	#running: Promise<Release> | undefined;
	#ending = new AbortController();

	constructor(
		received: ReceivedFile,
		{ keysFolder, releaseFile }: { keysFolder: string; releaseFile: string },
	) {
		this.#received = received;
		this.#keysFolder = keysFolder;
		this.#releaseFile = releaseFile;
	}

	get isRunning(): boolean {
		return this.#running !== undefined;
	}

	/** @throws UpdateRefused; the file is deleted where it can never become good. */
	run(): Promise<Release> {
		if (!this.#running) {
			this.#ending = new AbortController();
			this.#running = this.#check(this.#ending.signal).finally(() => {
				this.#running = undefined;
			});
		}
		return this.#running;
	}

	/** Whoever waits for it is told so. */
	async end(): Promise<void> {
		this.#ending.abort(cancelled);
		await this.#running?.catch(() => {});
	}

	async #check(signal: AbortSignal): Promise<Release> {
		const receivedBytes = await this.#received.size();
		if (receivedBytes === 0)
			throw new UpdateRefused(
				"nothingReceived",
				"There is no update file yet: upload or download one",
			);
		const running = await readRelease(this.#releaseFile);
		try {
			return await readUpdate(this.#received.path, {
				keysFolder: this.#keysFolder,
				target: running?.target,
				signal,
			});
		} catch (error) {
			if (!(error instanceof UpdateRefused) || error === cancelled) throw error;
			if (error.code !== "incomplete")
				throw await deleteBad(this.#received, error);
			const announcedBytes = await this.#received.announcedBytes();
			if (announcedBytes === undefined || receivedBytes < announcedBytes)
				throw error;
			throw await deleteBad(
				this.#received,
				new UpdateRefused(
					"damaged",
					`The file ends early, although all ${announcedBytes} bytes of it were uploaded`,
				),
			);
		}
	}
}

/** Deletes a file that no attempt makes good. @returns the refusal that says so, to be thrown. */
export async function deleteBad(
	received: ReceivedFile,
	refusal: UpdateRefused,
): Promise<UpdateRefused> {
	await received.remove();
	return new UpdateRefused(
		refusal.code,
		`${refusal.message}. The file was deleted: upload or download another one`,
		{ cause: refusal },
	);
}
