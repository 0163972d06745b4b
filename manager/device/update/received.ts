import { open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../shared/make-folder.ts";
import { UpdateRefused } from "./refused.ts";
import { mostUpdateBytes } from "./update-file.ts";
import type { UploadPart } from "./upload-part.ts";

/** The update file as far as it has come: on the disk, so that it can be gone on with. */
export class ReceivedFile {
	readonly path: string;
	readonly #folder: string;
	/** Says where the file comes from: the address of a download, or how large an upload is. */
	readonly #sourcePath: string;
	/** The last write, whether it went well or not: one part comes after the other. */
	#lastWrite: Promise<unknown> = Promise.resolve();

	constructor(folder: string) {
		this.#folder = folder;
		this.path = join(folder, "received.img");
		this.#sourcePath = join(folder, "received.url");
	}

	/** Bytes that are there. */
	async size(): Promise<number> {
		return stat(this.path).then(
			({ size }) => size,
			() => 0,
		);
	}

	/** Bytes of the whole file, as the upload under way or the last one has announced them. */
	async announcedBytes(): Promise<number | undefined> {
		const [, bytes] =
			/^upload of (\d+) bytes$/.exec(await this.#source()) ?? [];
		return bytes === undefined ? undefined : Number(bytes);
	}

	/** Keeps what came from the same address before, and nothing else: no file is made of two. */
	async goOnFrom(url: string): Promise<void> {
		if ((await this.#source()) !== url) await this.#beginFrom(url);
	}

	#source(): Promise<string> {
		return readFile(this.#sourcePath, "utf8").catch(() => "");
	}

	async #beginFrom(source: string): Promise<void> {
		await this.remove();
		await this.#orFull(async () => {
			await makeFolder(this.#folder);
			await writeFile(this.#sourcePath, source);
		});
	}

	/** @throws UpdateRefused where the part does not continue what is there, or is too much. */
	async refusePart({ offset, totalBytes }: UploadPart): Promise<void> {
		if (totalBytes !== undefined && totalBytes > mostUpdateBytes)
			throw tooLarge();
		if (offset === 0) return;
		await this.#refuseOffset(offset);
		const announced = await this.announcedBytes();
		if (announced !== totalBytes && announced !== undefined)
			throw new UpdateRefused(
				"wrongFile",
				`The device has ${offset} bytes of a file of ${announced} bytes, this one has ${totalBytes ?? "another number of"} bytes: upload it from its beginning`,
			);
	}

	/**
	 * Adds what comes, as it comes; from offset 0 on it takes the place of what was there. What has
	 * come is on the disk at the end, also where that is an interruption.
	 * @returns the bytes that are there.
	 * @throws UpdateRefused as `refusePart`, and where the data partition is full.
	 */
	async receive(
		part: UploadPart,
		chunks: AsyncIterable<Buffer>,
	): Promise<number> {
		await this.#lastWrite;
		await this.refusePart(part);
		const { offset, totalBytes } = part;
		if (offset === 0)
			await this.#beginFrom(`upload of ${totalBytes ?? "unknown"} bytes`);
		return this.#orFull(() => this.#receive(offset, chunks));
	}

	async #receive(
		offset: number,
		chunks: AsyncIterable<Buffer>,
	): Promise<number> {
		const file = await open(this.path, "a", 0o600);
		let have = offset;
		try {
			for await (const chunk of chunks) {
				if (have + chunk.length > mostUpdateBytes) {
					await this.remove();
					throw tooLarge();
				}
				await file.writeFile(chunk);
				have += chunk.length;
			}
			await file.sync();
		} catch (error) {
			await file.sync().catch(() => {}); // The first error is the one to tell.
			throw error;
		} finally {
			await file.close();
		}
		return have;
	}

	/**
	 * Adds a part. At offset 0 the file begins anew.
	 * @throws UpdateRefused when the part does not go on where the file ends, or is too much.
	 */
	add(offset: number, chunk: Buffer): Promise<number> {
		// A part that is sent again, for want of an answer, may come while the first is written.
		const added = this.#lastWrite.then(() => this.#add(offset, chunk));
		this.#lastWrite = added.catch(() => {});
		return added;
	}

	async #add(offset: number, chunk: Buffer): Promise<number> {
		if (offset !== 0) await this.#refuseOffset(offset);
		if (offset + chunk.length > mostUpdateBytes) {
			await this.remove();
			throw tooLarge();
		}
		await this.#orFull(() => this.#write(offset, chunk));
		return offset + chunk.length;
	}

	async #refuseOffset(offset: number): Promise<void> {
		const have = await this.size();
		if (offset !== have)
			throw new UpdateRefused(
				"wrongOffset",
				`The device has ${have} bytes of the file: resume from there`,
			);
	}

	async #orFull<Result>(work: () => Promise<Result>): Promise<Result> {
		try {
			return await work();
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
			await this.remove();
			throw new UpdateRefused(
				"tooLarge",
				"The data partition is full: make room on /mnt/sda2 first",
			);
		}
	}

	async #write(offset: number, chunk: Buffer): Promise<void> {
		await makeFolder(this.#folder);
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

function tooLarge(): UpdateRefused {
	return new UpdateRefused(
		"tooLarge",
		`An update has at most ${mostUpdateBytes} bytes: this file is none`,
	);
}
