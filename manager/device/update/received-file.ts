import { open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type {
	DownloadTarget,
	PartialFile,
} from "../../shared/download/download.ts";
import { assertFreeSpace } from "../../shared/free-space.ts";
import { makeDirectory } from "../../shared/make-directory.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { UpdateError } from "./update-error.ts";
import { maxUpdateBytes } from "./update-file.ts";
import type { UploadPart } from "./upload-part.ts";

/** The part of the update file received so far, on the disk so that the transfer can be resumed. */
export class ReceivedFile implements DownloadTarget {
	readonly path: string;
	readonly #directory: string;
	/**
	 * Contains where the file comes from: the URL of a download, and below it the validator with which the server
	 * sent the part; or the size of an upload.
	 */
	readonly #sourcePath: string;
	/** Settles after the last write, so that writes do not overlap. */
	#lastWrite: Promise<unknown> = Promise.resolve();

	constructor(directory: string) {
		this.#directory = directory;
		this.path = join(directory, "received.img");
		this.#sourcePath = join(directory, "received.url");
	}

	/** Returns the bytes received so far. */
	async size(): Promise<number> {
		return stat(this.path).then(
			({ size }) => size,
			() => 0,
		);
	}

	/** Returns the size of the whole file as the current or last upload has announced it. */
	async announcedBytes(): Promise<number | undefined> {
		const [, bytes] =
			/^upload of (\d+) bytes$/.exec(await this.#source()) ?? [];
		return bytes === undefined ? undefined : Number(bytes);
	}

	/** Keeps the bytes received if they came from the same URL; otherwise deletes them. */
	async resumeFrom(url: string): Promise<void> {
		const [source] = (await this.#source()).split("\n");
		if (source !== url) await this.#startFrom(url);
	}

	async received(): Promise<PartialFile> {
		// The file of an older manager has no second line.
		const [, validator] = (await this.#source()).split("\n");
		return { bytes: await this.size(), validator };
	}

	async keep({ bytes, validator }: PartialFile): Promise<void> {
		if ((await this.size()) > bytes) {
			const file = await open(this.path, "r+");
			try {
				await file.truncate(bytes);
				await file.sync();
			} finally {
				await file.close();
			}
		}
		const before = await this.#source();
		const [url] = before.split("\n");
		const source = validator === undefined ? url : `${url}\n${validator}`;
		if (source !== undefined && source !== before)
			await this.#handleFullDisk(() => writeFile(this.#sourcePath, source));
	}

	async write(chunk: Uint8Array, position: number): Promise<void> {
		await this.add(position, Buffer.from(chunk));
	}

	#source(): Promise<string> {
		return readFile(this.#sourcePath, "utf8").catch(() => "");
	}

	async #startFrom(source: string): Promise<void> {
		await this.remove();
		await this.#handleFullDisk(async () => {
			await makeDirectory(this.#directory);
			await writeFile(this.#sourcePath, source);
		});
	}

	/**
	 * @throws UpdateError if the part does not continue the bytes received, or is too large; OperationError if the disk
	 * has no room for the rest of the file.
	 */
	async assertContinues({ offset, totalBytes }: UploadPart): Promise<void> {
		if (totalBytes !== undefined && totalBytes > maxUpdateBytes)
			throw tooLarge();
		// What has been received is there already, or will be deleted.
		if (totalBytes !== undefined)
			await this.#assertRoom(totalBytes - (await this.size()));
		if (offset === 0) return;
		await this.#assertOffset(offset);
		const announced = await this.announcedBytes();
		if (announced !== totalBytes && announced !== undefined)
			throw new UpdateError(
				"wrongFile",
				`The device has ${offset} bytes of a file of ${announced} bytes, this one has ${totalBytes ?? "another number of"} bytes: upload it from the beginning`,
			);
	}

	/**
	 * Appends chunks as they arrive; at offset 0, replaces the file. After an interruption too, everything
	 * received is on the disk.
	 * @returns the bytes received so far.
	 * @throws UpdateError as `assertContinues`, and if the data partition is full.
	 */
	async receive(
		part: UploadPart,
		chunks: AsyncIterable<Buffer>,
	): Promise<number> {
		await this.#lastWrite;
		await this.assertContinues(part);
		const { offset, totalBytes } = part;
		if (offset === 0)
			await this.#startFrom(`upload of ${totalBytes ?? "unknown"} bytes`);
		return this.#handleFullDisk(() => this.#receive(offset, chunks));
	}

	async #receive(
		offset: number,
		chunks: AsyncIterable<Buffer>,
	): Promise<number> {
		const file = await open(this.path, "a", 0o600);
		let have = offset;
		try {
			for await (const chunk of chunks) {
				if (have + chunk.length > maxUpdateBytes) {
					await this.remove();
					throw tooLarge();
				}
				await this.#assertRoom(chunk.length);
				await file.writeFile(chunk);
				have += chunk.length;
			}
			await file.sync();
		} catch (error) {
			await file.sync().catch(() => {}); // The first error matters.
			throw error;
		} finally {
			await file.close();
		}
		return have;
	}

	/**
	 * Appends a chunk; at offset 0, replaces the file.
	 * @throws UpdateError if the chunk does not start where the file ends, or is too large.
	 */
	add(offset: number, chunk: Buffer): Promise<number> {
		// A client that got no answer may resend a chunk while the first one is being written.
		const added = this.#lastWrite.then(() => this.#add(offset, chunk));
		this.#lastWrite = added.catch(() => {});
		return added;
	}

	async #add(offset: number, chunk: Buffer): Promise<number> {
		if (offset !== 0) await this.#assertOffset(offset);
		if (offset + chunk.length > maxUpdateBytes) {
			await this.remove();
			throw tooLarge();
		}
		await this.#handleFullDisk(() => this.#write(offset, chunk));
		return offset + chunk.length;
	}

	async #assertOffset(offset: number): Promise<void> {
		const have = await this.size();
		if (offset !== have)
			throw new UpdateError(
				"wrongOffset",
				`The device has ${have} bytes of the file: resume from there`,
			);
	}

	async #assertRoom(bytes: number): Promise<void> {
		await makeDirectory(this.#directory);
		await assertFreeSpace(this.#directory, bytes, "The update file");
	}

	/** If the data partition is full, deletes the file and throws an OperationError. */
	async #handleFullDisk<Result>(work: () => Promise<Result>): Promise<Result> {
		try {
			return await work();
		} catch (error) {
			const isNoRoom =
				error instanceof OperationError && error.kind === "noRoom";
			const { code } = error as NodeJS.ErrnoException;
			if (!isNoRoom && code !== "ENOSPC") throw error;
			await this.remove();
			if (isNoRoom) throw error;
			throw new UpdateError(
				"tooLarge",
				"The data partition is full: make room on /mnt/sda2 first",
			);
		}
	}

	async #write(offset: number, chunk: Buffer): Promise<void> {
		await this.#assertRoom(chunk.length);
		const file = await open(this.path, offset === 0 ? "w" : "a", 0o600);
		try {
			await file.writeFile(chunk);
		} finally {
			await file.close();
		}
	}

	async remove(): Promise<void> {
		for (const path of [this.path, this.#sourcePath])
			await rm(path, { force: true });
	}
}

function tooLarge(): UpdateError {
	return new UpdateError(
		"tooLarge",
		`The file is too large: an update has at most ${maxUpdateBytes} bytes`,
	);
}
