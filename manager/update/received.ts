import { mkdir, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { UpdateRefused } from "./refused.ts";
import { mostUpdateBytes } from "./update-file.ts";

/** The update file as far as it has come: on the disk, so that it can be gone on with. */
export class ReceivedFile {
	readonly path: string;
	readonly #folder: string;

	constructor(folder: string) {
		this.#folder = folder;
		this.path = join(folder, "received.img");
	}

	/** Bytes that are there. */
	async size(): Promise<number> {
		return stat(this.path).then(
			({ size }) => size,
			() => 0,
		);
	}

	/**
	 * Adds a part. At offset 0 the file begins anew.
	 * @throws UpdateRefused when the part does not go on where the file ends, or is too much.
	 */
	async add(offset: number, chunk: Buffer): Promise<number> {
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
		try {
			await this.#write(offset, chunk);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
			await this.remove();
			throw new UpdateRefused(
				"tooLarge",
				"The data partition is full: make room on /mnt/sda2 first",
			);
		}
		return offset + chunk.length;
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
		await rm(this.path, { force: true });
	}
}
