import { createReadStream } from "node:fs";
import { isAbsolute, join } from "node:path";
import {
	download,
	emptyFile,
	type PartialFile,
	type Remainder,
	requestRemainder,
} from "../../shared/download/download.ts";
import { DownloadRefused } from "../../shared/download/follow-redirects.ts";
import { OperationError } from "../../shared/operation-error.ts";

/** The error code for a file that the store does not have. */
export const fileMissing = "storeFileMissing";

/** Object storage answers 403 for a file that is not there, because it does not let everybody list files. */
const missingStatuses: ReadonlySet<number> = new Set([403, 404, 410]);

/** A directory of files: `https://…`, `http://…`, or a directory of this machine. */
export class StoreSource {
	/** Of the directory. */
	readonly address: string;

	/** @param address of the directory, or of the apps.json in it. */
	constructor(address: string) {
		this.address = address.replace(/\/(apps\.json)?$/, "");
	}

	/** Whether it is a directory of this machine. */
	get isLocal(): boolean {
		return isAbsolute(this.address);
	}

	/**
	 * Opens a file behind the part that is already downloaded.
	 * @param path relative, made of plain names.
	 * @throws OperationError if retrying is pointless; any other error, also while reading the
	 * chunks, is worth a retry.
	 */
	async request(
		path: string,
		received: PartialFile,
		signal: AbortSignal,
	): Promise<Remainder> {
		const location = this.#locationOf(path);
		if (this.isLocal)
			return {
				start: emptyFile,
				totalBytes: undefined,
				chunks: chunksOf(location),
			};
		return requestRemainder(location, received, signal).catch((error) => {
			if (!(error instanceof DownloadRefused)) throw error;
			throw missingStatuses.has(error.status ?? 0)
				? noSuchFile(location, error.message)
				: storeFailed(location, error.message);
		});
	}

	/** Returns the content of a small file. @throws OperationError naming it. */
	async text(
		path: string,
		maxBytes: number,
		signal: AbortSignal,
	): Promise<string> {
		const parts: Uint8Array[] = [];
		const memory = {
			received: async () => emptyFile,
			keep: async () => {},
			write: async (chunk: Uint8Array) => {
				parts.push(chunk);
			},
		};
		try {
			await download(
				(received, attempt) => this.request(path, received, attempt),
				memory,
				(bytes) => {
					if (bytes > maxBytes)
						throw new Error(`it has more than ${maxBytes} bytes`);
				},
				signal,
			);
			return Buffer.concat(parts).toString("utf8");
		} catch (error) {
			throw this.toOperationError(path, error);
		}
	}

	/** Converts the error of a file's last attempt to one for the administrator. */
	toOperationError(path: string, error: unknown): OperationError {
		if (error instanceof OperationError) return error;
		const { code, message } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") return noSuchFile(this.#locationOf(path));
		return storeFailed(
			this.#locationOf(path),
			code === "EACCES"
				? "the manager's user cannot read it. Use a directory that all users can read; those in /home are not"
				: message,
		);
	}

	#locationOf(path: string): string {
		return this.isLocal ? join(this.address, path) : `${this.address}/${path}`;
	}
}

/** Opens the file only when it is read. */
async function* chunksOf(file: string): AsyncGenerator<Uint8Array> {
	yield* createReadStream(file);
}

function noSuchFile(location: string, reason?: string): OperationError {
	return new OperationError(
		"upstream",
		fileMissing,
		`The store has no ${location}${reason === undefined ? "" : `: ${reason}`}`,
	);
}

function storeFailed(location: string, reason: string): OperationError {
	return new OperationError(
		"upstream",
		"storeFailed",
		`The store's ${location}: ${reason}`,
	);
}
