import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { type Extract, extract } from "tar-stream";
import { makeFolder } from "../../shared/make-folder.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { plainName } from "../services/service.ts";
import { mostFilesOfAnApp } from "./catalogue.ts";

/** For three targets, and what lists them. */
const mostFiles = 3 * mostFilesOfAnApp + 10;
const mostBytes = 512 * 1024 * 1024;

/**
 * Unpacks a tar archive of a store's folder; nothing of it lands anywhere else.
 * @param received told how many bytes of files are there.
 * @throws OperationError naming what does not belong into a store, or that the signal came.
 */
export async function unpackStore(
	archive: Readable,
	folder: string,
	received: (bytes: number) => void,
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
		for await (const entry of entries as AsyncIterable<Entry>) {
			const { name, type, size = 0 } = entry.header;
			if (type !== "directory") {
				files += 1;
				bytes += size;
				if (type !== "file") throw refused(`${name} is a ${type}`);
				if (files > mostFiles || bytes > mostBytes)
					throw refused(
						`it has more than ${mostFiles} files or ${mostBytes} bytes`,
					);
				const path = join(folder, ...plainPath(name));
				await makeFolder(dirname(path));
				await writeFile(path, entry);
				received(bytes);
			}
			entry.resume();
		}
	} catch (error) {
		const { errno, message } = error as NodeJS.ErrnoException;
		const isOurs = error instanceof OperationError || errno !== undefined;
		throw isOurs ? error : refused(`it is damaged or cut off (${message})`);
	} finally {
		signal.removeEventListener("abort", abort);
		// Whoever sends it reads the answer once all is sent.
		archive.unpipe(entries);
		archive.resume();
	}
}

type Entry = (Extract extends AsyncIterable<infer One> ? One : never) &
	AsyncIterable<Buffer>;

function plainPath(name: string): string[] {
	const parts = name.replace(/^(\.\/)+/, "").split("/");
	if (!parts.every((part) => plainName.safeParse(part).success))
		throw refused(`"${name.slice(0, 200)}" is no name of a store's file`);
	return parts;
}

function refused(reason: string): OperationError {
	return new OperationError(
		"invalid",
		"notAStore",
		`The archive cannot be used: ${reason}. Make one of what npm run store has made: tar -cf app.tar -C DIR .`,
	);
}
