import { createReadStream } from "node:fs";
import { isAbsolute, join } from "node:path";
import { AddressRefused, follow } from "../download/follow.ts";
import { OperationError } from "../operations/operation.ts";

const stallMs = 60_000;

/** The code of the error where a store does not have a file. */
export const missing = "storeFileMissing";

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
		const stalled = new AbortController();
		const timer = setTimeout(
			() => stalled.abort(new Error("sends nothing any more")),
			stallMs,
		);
		let bytes = 0;
		try {
			for await (const chunk of await this.#open(path, stalled.signal)) {
				timer.refresh();
				bytes += chunk.length;
				if (bytes > mostBytes)
					throw new Error(`has more than ${mostBytes} bytes`);
				yield Buffer.from(chunk);
			}
		} catch (error) {
			const { code, message } = error as NodeJS.ErrnoException;
			throw code === "ENOENT"
				? new OperationError(502, missing, `The store has no ${where}`)
				: new OperationError(
						502,
						"storeFailed",
						`The store's ${where}: ${message}`,
					);
		} finally {
			clearTimeout(timer);
		}
	}

	/** The whole of a small file. @throws OperationError as `read` does. */
	async text(path: string, mostBytes: number): Promise<string> {
		const chunks: Buffer[] = [];
		for await (const chunk of this.read(path, mostBytes)) chunks.push(chunk);
		return Buffer.concat(chunks).toString("utf8");
	}

	async #open(
		path: string,
		signal: AbortSignal,
	): Promise<AsyncIterable<Uint8Array>> {
		if (isAbsolute(this.#base)) return createReadStream(join(this.#base, path));
		const response = await follow(`${this.#base}/${path}`, {}, signal);
		if (response.status === 404)
			throw Object.assign(new Error(), { code: "ENOENT" });
		if (response.status !== 200 || response.body === null)
			throw new AddressRefused(`the server answers ${response.status}`);
		return response.body;
	}
}
