import { createReadStream } from "node:fs";
import { isAbsolute, join } from "node:path";
import { AddressRefused, follow } from "../download/follow.ts";
import { OperationError } from "../operations/operation.ts";

const stallMs = 60_000;

/** A folder of files somewhere: `https://…`, `http://…`, or a directory of this machine. */
export class StoreSource {
	readonly #base: string;

	/** @param address of the folder, or of the apps.json in it. */
	constructor(address: string) {
		this.#base = address.replace(/\/(apps\.json)?$/, "");
	}

	/**
	 * @param path relative, made of plain names.
	 * @throws OperationError naming the file, where it is not there or has more bytes.
	 */
	async *read(path: string, mostBytes: number): AsyncGenerator<Buffer> {
		const where = `${this.#base}/${path}`;
		let bytes = 0;
		try {
			for await (const chunk of await this.#open(path)) {
				bytes += chunk.length;
				if (bytes > mostBytes)
					throw new Error(`has more than ${mostBytes} bytes`);
				yield Buffer.from(chunk);
			}
		} catch (error) {
			const { code, message } = error as NodeJS.ErrnoException;
			throw new OperationError(
				502,
				"storeFailed",
				code === "ENOENT"
					? `The store has no ${where}`
					: `The store's ${where}: ${message}`,
			);
		}
	}

	/** The whole of a small file. @throws OperationError as `read` does. */
	async text(path: string, mostBytes: number): Promise<string> {
		const chunks: Buffer[] = [];
		for await (const chunk of this.read(path, mostBytes)) chunks.push(chunk);
		return Buffer.concat(chunks).toString("utf8");
	}

	async #open(path: string): Promise<AsyncIterable<Uint8Array>> {
		if (isAbsolute(this.#base)) return createReadStream(join(this.#base, path));
		const response = await follow(
			`${this.#base}/${path}`,
			{},
			AbortSignal.timeout(stallMs),
		);
		if (response.status === 404)
			throw Object.assign(new Error(), { code: "ENOENT" });
		if (response.status !== 200 || response.body === null)
			throw new AddressRefused(`the server answers ${response.status}`);
		return response.body;
	}
}
