import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Extract, extract } from "tar-stream";
import { makeFolder } from "../../shared/make-folder.ts";
import { parseRelease, type Release } from "../system/release.ts";
import { UpdateRefused } from "./refused.ts";
import {
	checkHash,
	checkSignature,
	readSums,
	sha256,
	signature,
	sums,
} from "./signed-sums.ts";

/** Larger ones fit no boot partition. */
export const mostUpdateBytes = 200 * 1024 * 1024;
const mostHeadBytes = 64 * 1024;
const blockBytes = 512;
/** An archive ends with two blocks of zeros; tar fills them up to 20. */
const leastEndBytes = 2 * blockBytes;
const mostEndBytes = 21 * blockBytes;

/** What comes first, so that nothing is written before its origin is known. */
const head = [signature, sums, "release"];

/** No `../..`, nothing hidden, no leading slash. */
const goodName = /^[A-Za-z0-9][\w.+-]*(\/[A-Za-z0-9][\w.+-]*)*$/;

/** Whose updates are taken, and how one is read. */
export interface ReadOptions {
	/** With minisign's public keys (*.pub) that may have signed it. */
	keysFolder: string;
	/** What the update must be for; without it, any target. */
	target?: string | undefined;
	/** An empty folder that gets the files; without it, nothing is written. */
	into?: { folder: string; freeBytes: number } | undefined;
	/** Ends the reading. */
	signal?: AbortSignal | undefined;
}

/**
 * Reads an update file to its last byte: a tar archive of a set of files (docs/updates.md), with
 * their hashes and the signature of these. Memory holds one block of it at a time.
 * @throws UpdateRefused in words for whoever brought the file: `incomplete` where more bytes could
 * make it good, any other code where none can.
 */
export async function readUpdate(
	file: string,
	{ keysFolder, target, into, signal }: ReadOptions,
): Promise<Release> {
	const { size: fileBytes } = await stat(file);
	if (fileBytes > mostUpdateBytes)
		throw new UpdateRefused(
			"tooLarge",
			`The file has ${fileBytes} bytes, an update at most ${mostUpdateBytes}`,
		);
	await checkBeginning(file);
	const source = createReadStream(file, { signal });
	const archive = extract();
	source.once("error", (error) => archive.destroy(error));
	source.pipe(archive);
	const small = new Map<string, Buffer>();
	const hashes = new Map<string, string>();
	const seen = new Set<string>();
	let release: Release | undefined;
	let leftBytes = into?.freeBytes ?? mostUpdateBytes;
	/** Where the files that were read end. */
	let endOffset = 0;
	const missing = () =>
		[...head, ...hashes.keys()].find((name) => !seen.has(name));
	try {
		for await (const entry of archive as AsyncIterable<Entry>) {
			const { name, size = 0 } = entry.header;
			if (head[seen.size] !== undefined && name !== head[seen.size])
				throw notOurs;
			checkName(entry, seen);
			if (seen.size < head.length) {
				const content = await contentOf(entry);
				small.set(name, content);
				if (name === sums) await checkSignature(small, keysFolder);
				if (name === sums) readSums(content, hashes);
				if (name === "release") {
					checkHash(name, sha256(content), hashes);
					release = releaseFor(target, content);
					if (into)
						for (const [path, bytes] of small)
							await writeWhole(join(into.folder, path), bytes);
				}
			} else {
				if (!hashes.has(name))
					throw new UpdateRefused("damaged", `${name} is not a signed file`);
				if (size > leftBytes)
					throw new UpdateRefused(
						"tooLarge",
						into
							? `${name} needs ${size} bytes, the boot partition has ${leftBytes} bytes left for it`
							: `${name} has ${size} bytes: an update has at most ${mostUpdateBytes}`,
					);
				leftBytes -= size;
				const hash = into
					? await writeEntry(entry, join(into.folder, name))
					: await hashOf(entry);
				checkHash(name, hash, hashes);
			}
			seen.add(name);
			endOffset += blockBytes + Math.ceil(size / blockBytes) * blockBytes;
		}
	} catch (error) {
		signal?.throwIfAborted();
		// What follows the last file is looked at below.
		if (error instanceof UpdateRefused || !release || missing())
			throw explained(error, fileBytes, seen);
	} finally {
		source.destroy();
	}
	if (seen.size === 0) throw notOurs;
	await checkEnd(file, fileBytes, endOffset, missing());
	return release as Release;
}

/**
 * That the archive ends as one does, with two blocks of zeros, and then nothing: whatever else is
 * in the file is not signed.
 * @param missing a file that has not come.
 */
async function checkEnd(
	path: string,
	fileBytes: number,
	endOffset: number,
	missing: string | undefined,
): Promise<void> {
	const restBytes = Math.max(fileBytes - endOffset, 0);
	const rest = await readAt(path, endOffset, Math.min(restBytes, mostEndBytes));
	if (restBytes > mostEndBytes || rest.some((byte) => byte !== 0))
		throw new UpdateRefused(
			"damaged",
			"The file is damaged: it has more in it than the signed files",
		);
	if (missing !== undefined && restBytes >= blockBytes)
		throw new UpdateRefused(
			"damaged",
			`The file is damaged: ${missing} is missing`,
		);
	if (missing !== undefined || restBytes < leastEndBytes)
		throw endsEarly(fileBytes);
}

/** Also of a few bytes it is known whether they can become an update. */
async function checkBeginning(path: string): Promise<void> {
	const first = Buffer.from(`${signature}\0`);
	const found = await readAt(path, 0, first.length);
	if (!first.subarray(0, found.length).equals(found)) throw notOurs;
}

async function readAt(
	path: string,
	offset: number,
	length: number,
): Promise<Buffer> {
	const file = await open(path);
	try {
		const { buffer, bytesRead } = await file.read(
			Buffer.alloc(length),
			0,
			length,
			offset,
		);
		return buffer.subarray(0, bytesRead);
	} finally {
		await file.close();
	}
}

function endsEarly(fileBytes: number): UpdateRefused {
	return new UpdateRefused(
		"incomplete",
		`The file ends early: ${fileBytes} bytes of it are there. Resume the upload or the download`,
	);
}

/** @throws UpdateRefused where it is for another target. */
function releaseFor(target: string | undefined, content: Buffer): Release {
	let release: Release;
	try {
		release = parseRelease(content.toString());
	} catch (error) {
		throw new UpdateRefused("damaged", "release is damaged", { cause: error });
	}
	if (target !== undefined && release.target !== target)
		throw new UpdateRefused(
			"wrongTarget",
			`The update is for ${release.target}, this device is ${target}`,
		);
	return release;
}

type Entry = (Extract extends AsyncIterable<infer One> ? One : never) &
	AsyncIterable<Buffer>;

const notOurs = new UpdateRefused(
	"notAnUpdate",
	"This is not an update file of App Platform (update-….img)",
);

function checkName({ header }: Entry, seen: Set<string>): void {
	const { name, type } = header;
	if (type !== "file")
		throw new UpdateRefused("damaged", `${name} is a ${type}, not a file`);
	if (!goodName.test(name) || name.length > 100)
		throw new UpdateRefused("damaged", `${name} is no name for a file of ours`);
	if (seen.has(name))
		throw new UpdateRefused("damaged", `${name} is there twice`);
}

async function contentOf(entry: Entry): Promise<Buffer> {
	if ((entry.header.size ?? 0) > mostHeadBytes) throw notOurs;
	const chunks: Buffer[] = [];
	for await (const chunk of entry) chunks.push(chunk);
	return Buffer.concat(chunks);
}

async function hashOf(entry: Entry): Promise<string> {
	const hash = createHash("sha256");
	for await (const chunk of entry) hash.update(chunk);
	return hash.digest("hex");
}

async function writeEntry(entry: Entry, path: string): Promise<string> {
	await makeFolder(dirname(path));
	const hash = createHash("sha256");
	const file = await open(path, "wx", 0o644);
	try {
		for await (const chunk of entry) {
			hash.update(chunk);
			// Whole, which write does not promise when the partition is nearly full.
			await file.writeFile(chunk);
		}
		await file.sync();
	} finally {
		await file.close();
	}
	return hash.digest("hex");
}

async function writeWhole(path: string, content: Buffer): Promise<void> {
	const file = await open(path, "wx", 0o644);
	try {
		await file.writeFile(content);
		await file.sync();
	} finally {
		await file.close();
	}
}

/** What the archive's reader says, in the words of whoever brought the file. */
function explained(
	error: unknown,
	fileBytes: number,
	seen: ReadonlySet<string>,
): unknown {
	if (!(error instanceof Error)) return error;
	// In the middle of a file its reader is told nothing but that there is no more.
	if (/unexpected end|stream was destroyed/i.test(error.message))
		return endsEarly(fileBytes);
	// Ours have names that need no extended headers; the reader refuses large ones unread.
	if (/tar header|header exceeds|invalid header/i.test(error.message))
		return seen.size < head.length
			? notOurs
			: new UpdateRefused(
					"damaged",
					`The file is damaged after ${[...seen].at(-1)}`,
				);
	if ((error as NodeJS.ErrnoException).code === "ENOSPC")
		return new UpdateRefused(
			"tooLarge",
			"The boot partition is full: there is no room for the update",
		);
	return error;
}
