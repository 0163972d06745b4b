import { mkdir, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UpdateRefused } from "./refused.ts";
import { mostUpdateBytes } from "./update-file.ts";

/** The update file as far as it has come: on the disk, so that it can be gone on with. */
export class ReceivedFile {
	readonly path: string;
	readonly #folder: string;
	/** Holds the address that a download comes from. */
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

	/** Keeps what came from the same address before, and nothing else: no file is made of two. */
	async goOnFrom(url: string): Promise<void> {
		const before = await readFile(this.#sourcePath, "utf8").catch(() => "");
		if (before === url) return;
		await this.remove();
		await this.#orFull(async () => {
			await mkdir(this.#folder, { recursive: true });
			await writeFile(this.#sourcePath, url);
		});
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
		const have = await this.size();
		if (offset !== 0 && offset !== have)
			throw new UpdateRefused(
				"damaged",
				`The device has ${have} bytes of the file: go on from there`,
			);
		if (offset + chunk.length > mostUpdateBytes) {
			await this.remove();
			throw new UpdateRefused(
				"tooLarge",
				`An update has at most ${mostUpdateBytes} bytes: this file is none`,
			);
		}
		await this.#orFull(() => this.#write(offset, chunk));
		return offset + chunk.length;
	}

	async #orFull(work: () => Promise<void>): Promise<void> {
		try {
			await work();
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
		await mkdir(this.#folder, { recursive: true });
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
