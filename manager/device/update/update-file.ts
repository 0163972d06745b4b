import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { type Extract, extract } from "tar-stream";
import { parseRelease, type Release } from "../system/release.ts";
import {
	assertHash,
	assertSigned,
	parseSums,
	sha256,
	signatureName,
	sumsName,
} from "./signed-sums.ts";
import { UpdateError } from "./update-error.ts";

/** A larger update fits no boot partition. */
export const maxUpdateBytes = 200 * 1024 * 1024;
const maxHeadBytes = 64 * 1024;
const blockBytes = 512;
/** An archive ends with two blocks of zeros; tar pads it to a multiple of 20 blocks. */
const minEndBytes = 2 * blockBytes;
const maxEndBytes = 21 * blockBytes;

/** These files come first, so that the signature is verified before anything is written. */
const headNames = [signatureName, sumsName, "release"];

/** Excludes `../..`, hidden files and absolute paths. */
const validName = /^[A-Za-z0-9][\w.+-]*(\/[A-Za-z0-9][\w.+-]*)*$/;

/** How an update file is verified. */
export interface ReadOptions {
	/** Contains minisign's public keys (*.pub) of trusted signers. */
	keysDirectory: string;
	/** The target the update must be for; without it, any. */
	target?: string | undefined;
	signal?: AbortSignal | undefined;
}

/**
 * Reads an update file to its last byte: a tar archive of the files of a slot (docs/updates.md), their
 * hashes, and the signature of the hashes. Only one block at a time is in memory.
 * @throws UpdateError: `incomplete` if more bytes could make the file valid, any other code if not.
 */
export async function readUpdate(
	file: string,
	{ keysDirectory, target, signal }: ReadOptions,
): Promise<Release> {
	const { size: fileBytes } = await stat(file);
	if (fileBytes > maxUpdateBytes)
		throw new UpdateError(
			"tooLarge",
			`The file has ${fileBytes} bytes, an update has at most ${maxUpdateBytes}`,
		);
	await assertBeginning(file);
	const source = createReadStream(file, { signal });
	const archive = extract();
	source.once("error", (error) => archive.destroy(error));
	source.pipe(archive);
	const headFiles = new Map<string, Buffer>();
	let hashes: ReadonlyMap<string, string> = new Map();
	const seen = new Set<string>();
	let release: Release | undefined;
	let leftBytes = maxUpdateBytes;
	/** The end of the last file that was read. */
	let endOffset = 0;
	const findMissing = () =>
		[...headNames, ...hashes.keys()].find((name) => !seen.has(name));
	try {
		for await (const entry of archive as AsyncIterable<Entry>) {
			const { name, size = 0 } = entry.header;
			const expectedName = headNames[seen.size];
			if (expectedName !== undefined && name !== expectedName)
				throw notAnUpdate;
			assertName(entry, seen);
			if (expectedName !== undefined) {
				const content = await readContent(entry);
				headFiles.set(name, content);
				if (name === sumsName) {
					await assertSigned(headFiles, keysDirectory);
					hashes = parseSums(content);
				}
				if (name === "release") {
					assertHash(name, sha256(content), hashes);
					release = parseReleaseFor(target, content);
				}
			} else {
				if (!hashes.has(name))
					throw new UpdateError("damaged", `${name} is not a signed file`);
				if (size > leftBytes)
					throw new UpdateError(
						"tooLarge",
						`${name} has ${size} bytes, an update has at most ${maxUpdateBytes}`,
					);
				leftBytes -= size;
				assertHash(name, await hashEntry(entry), hashes);
			}
			seen.add(name);
			endOffset += blockBytes + Math.ceil(size / blockBytes) * blockBytes;
		}
	} catch (error) {
		signal?.throwIfAborted();
		// assertEnd checks what follows the last file.
		if (error instanceof UpdateError || !release || findMissing())
			throw toUpdateError(error, fileBytes, seen);
	} finally {
		source.destroy();
	}
	if (seen.size === 0) throw notAnUpdate;
	await assertEnd(file, fileBytes, endOffset, findMissing());
	return release as Release;
}

/**
 * Checks that the archive ends with blocks of zeros and nothing follows: other content is not signed.
 * @param missing the name of a signed file that the archive does not contain.
 */
async function assertEnd(
	path: string,
	fileBytes: number,
	endOffset: number,
	missing: string | undefined,
): Promise<void> {
	const restBytes = Math.max(fileBytes - endOffset, 0);
	const rest = await readAt(path, endOffset, Math.min(restBytes, maxEndBytes));
	if (restBytes > maxEndBytes || rest.some((byte) => byte !== 0))
		throw new UpdateError(
			"damaged",
			"The file is damaged: it contains more than the signed files",
		);
	if (missing !== undefined && restBytes >= blockBytes)
		throw new UpdateError(
			"damaged",
			`The file is damaged: ${missing} is missing`,
		);
	if (missing !== undefined || restBytes < minEndBytes)
		throw incomplete(fileBytes);
}

/** Refuses any other file by its first bytes, even if it has only a few. */
async function assertBeginning(path: string): Promise<void> {
	const first = Buffer.from(`${signatureName}\0`);
	const found = await readAt(path, 0, first.length);
	if (!first.subarray(0, found.length).equals(found)) throw notAnUpdate;
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

function incomplete(fileBytes: number): UpdateError {
	return new UpdateError(
		"incomplete",
		`The file is incomplete: ${fileBytes} bytes were received. Resume the upload or the download`,
	);
}

/** @throws UpdateError if the release is for another target. */
function parseReleaseFor(target: string | undefined, content: Buffer): Release {
	let release: Release;
	try {
		release = parseRelease(content.toString());
	} catch (error) {
		throw new UpdateError("damaged", "release is damaged", { cause: error });
	}
	if (target !== undefined && release.target !== target)
		throw new UpdateError(
			"wrongTarget",
			`The update is for ${release.target}, this device is ${target}`,
		);
	return release;
}

type Entry = (Extract extends AsyncIterable<infer One> ? One : never) &
	AsyncIterable<Buffer>;

const notAnUpdate = new UpdateError(
	"notAnUpdate",
	"This is not an App Platform update file (update-….img)",
);

function assertName({ header }: Entry, seen: Set<string>): void {
	const { name, type } = header;
	if (type !== "file")
		throw new UpdateError("damaged", `${name} is a ${type}, not a file`);
	if (!validName.test(name) || name.length > 100)
		throw new UpdateError("damaged", `${name} is not a valid file name`);
	if (seen.has(name)) throw new UpdateError("damaged", `${name} appears twice`);
}

async function readContent(entry: Entry): Promise<Buffer> {
	if ((entry.header.size ?? 0) > maxHeadBytes) throw notAnUpdate;
	const chunks: Buffer[] = [];
	for await (const chunk of entry) chunks.push(chunk);
	return Buffer.concat(chunks);
}

async function hashEntry(entry: Entry): Promise<string> {
	const hash = createHash("sha256");
	for await (const chunk of entry) hash.update(chunk);
	return hash.digest("hex");
}

/** Converts an error of tar-stream or the file system to an UpdateError, if it is about the file. */
function toUpdateError(
	error: unknown,
	fileBytes: number,
	seen: ReadonlySet<string>,
): unknown {
	if (!(error instanceof Error)) return error;
	// tar-stream's errors when the archive ends in a header or within a file.
	if (/unexpected end|stream was destroyed/i.test(error.message))
		return incomplete(fileBytes);
	// Update files need no extended headers; tar-stream refuses large ones without reading them.
	if (/tar header|header exceeds|invalid header/i.test(error.message))
		return seen.size < headNames.length
			? notAnUpdate
			: new UpdateError(
					"damaged",
					`The file is damaged after ${[...seen].at(-1)}`,
				);
	return error;
}
