import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { type Extract, extract } from "tar-stream";
import { assertFreeSpace } from "../../shared/free-space.ts";
import { makeDirectory } from "../../shared/make-directory.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { plainName } from "../services/service.ts";
import { maxFilesPerApp } from "./catalogue.ts";

/** Three targets, and the files that list them. */
const maxFiles = 3 * maxFilesPerApp + 10;
const maxBytes = 512 * 1024 * 1024;

/**
 * Unpacks a tar archive of a store into a directory, never outside it.
 * @param onProgress called with the number of bytes unpacked.
 * @throws OperationError naming an entry that does not belong in a store, or if the disk has no room for it; or the
 * signal's reason.
 */
export async function unpackStore(
	archive: Readable,
	directory: string,
	onProgress: (bytes: number) => void,
	signal: AbortSignal,
): Promise<void> {
	const entries = extract();
	archive.once("error", (error) => entries.destroy(error));
	const abort = () => entries.destroy(signal.reason);
	signal.addEventListener("abort", abort, { once: true });
	archive.pipe(entries);
	let files = 0;
	let bytes = 0;
	try {
		// No event tells of an abort that came before the listener.
		signal.throwIfAborted();
		for await (const entry of entries as AsyncIterable<Entry>) {
			const { name, type, size = 0 } = entry.header;
			if (type !== "directory") {
				files += 1;
				bytes += size;
				if (type !== "file") throw notAStore(`${name} is a ${type}`);
				if (files > maxFiles || bytes > maxBytes)
					throw notAStore(
						`it has more than ${maxFiles} files or ${maxBytes} bytes`,
					);
				const path = join(directory, ...parsePath(name));
				await assertFreeSpace(directory, size, "The archive's next file");
				await makeDirectory(dirname(path));
				await writeFile(path, entry);
				onProgress(bytes);
			}
			entry.resume();
		}
	} catch (error) {
		const { errno, message } = error as NodeJS.ErrnoException;
		const isOurs = error instanceof OperationError || errno !== undefined;
		throw isOurs ? error : notAStore(`it is damaged or truncated (${message})`);
	} finally {
		signal.removeEventListener("abort", abort);
		// The sender reads the response only after sending everything.
		archive.unpipe(entries);
		archive.resume();
	}
}

type Entry = (Extract extends AsyncIterable<infer One> ? One : never) &
	AsyncIterable<Buffer>;

function parsePath(name: string): string[] {
	const parts = name.replace(/^(\.\/)+/, "").split("/");
	if (!parts.every((part) => plainName.safeParse(part).success))
		throw notAStore(`"${name.slice(0, 200)}" is no name of a store's file`);
	return parts;
}

function notAStore(reason: string): OperationError {
	return new OperationError(
		"invalid",
		"notAStore",
		`The archive cannot be used: ${reason}. Archive the directory that npm run store wrote: tar -cf app.tar -C DIR .`,
	);
}
