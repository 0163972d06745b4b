import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, open, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Extract, extract } from "tar-stream";
import { parseRelease, type Release } from "../system/release.ts";
import { UpdateRefused } from "./refused.ts";

const run = promisify(execFile);

/** Larger ones fit no boot partition. */
export const mostUpdateBytes = 200 * 1024 * 1024;
const mostHeadBytes = 64 * 1024;

/** What comes first, so that nothing is written before its origin is known. */
const signature = "SHA256SUMS.minisig";
const sums = "SHA256SUMS";
const head = [signature, sums, "release"];

/** No `..`, nothing hidden, no leading slash. */
const goodName = /^[A-Za-z0-9][\w.+-]*(\/[A-Za-z0-9][\w.+-]*)*$/;

/**
 * Reads an update file: a tar archive of a set of files (docs/updates.md), with their hashes
 * and the signature of these.
 * @param keysFolder minisign's public keys (*.pub) that may have signed it.
 * @param into an empty folder, which gets the files; without one, only the head is read.
 * @throws UpdateRefused in words for whoever brought the file.
 */
export async function readUpdate(
	file: string,
	keysFolder: string,
	into?: { folder: string; freeBytes: number },
): Promise<Release> {
	const source = createReadStream(file);
	const archive = extract();
	source.once("error", (error) => archive.destroy(error));
	source.pipe(archive);
	const small = new Map<string, Buffer>();
	const hashes = new Map<string, string>();
	const seen = new Set<string>();
	let release: Release | undefined;
	let leftBytes = into ? Math.min(into.freeBytes, mostUpdateBytes) : 0;
	try {
		for await (const entry of archive as AsyncIterable<Entry>) {
			const { name } = entry.header;
			if (head[seen.size] !== undefined && name !== head[seen.size])
				throw notOurs;
			checkName(entry, seen);
			seen.add(name);
			if (seen.size <= head.length) {
				const content = await contentOf(entry);
				small.set(name, content);
				if (name === sums) await checkSignature(small, keysFolder);
				if (name === sums) readSums(content, hashes);
				if (name === "release") {
					checkHash(name, sha256(content), hashes);
					release = parseRelease(content.toString());
					if (!into) return release;
					for (const [path, bytes] of small)
						await writeWhole(join(into.folder, path), bytes);
				}
			} else {
				const size = entry.header.size ?? 0;
				if (size > leftBytes)
					throw new UpdateRefused(
						"tooLarge",
						`${name} needs ${size} bytes, the boot partition has ${leftBytes} bytes left for it`,
					);
				leftBytes -= size;
				if (!hashes.has(name))
					throw new UpdateRefused("damaged", `${name} is not a signed file`);
				const hash = await writeEntry(entry, join(into?.folder ?? "", name));
				checkHash(name, hash, hashes);
			}
		}
	} catch (error) {
		throw explained(error);
	} finally {
		source.destroy();
	}
	const missing = [...head, ...hashes.keys()].find((name) => !seen.has(name));
	if (missing !== undefined || release === undefined)
		throw seen.size === 0
			? notOurs
			: new UpdateRefused(
					"incomplete",
					`The file ends early: ${missing} is missing`,
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

/** By minisign itself, which the ramdisk uses too: both must mean the same by a good signature. */
async function checkSignature(
	small: ReadonlyMap<string, Buffer>,
	keysFolder: string,
): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), "update-"));
	try {
		for (const [name, content] of small)
			await writeFile(join(folder, name), content);
		const keys = (await readdir(keysFolder)).filter((name) =>
			name.endsWith(".pub"),
		);
		for (const key of keys) {
			const args = ["-V", "-q", "-p", join(keysFolder, key)];
			const isGood = await run("minisign", [...args, "-m", join(folder, sums)])
				.then(() => true)
				.catch((error: { code?: unknown }) => {
					// An exit code is an answer; that it cannot be started is none.
					if (typeof error.code === "number") return false;
					throw error;
				});
			if (isGood) return;
		}
	} finally {
		await rm(folder, { recursive: true });
	}
	throw new UpdateRefused(
		"notSigned",
		"The update is not signed by a key that this system trusts",
	);
}

function readSums(content: Buffer, hashes: Map<string, string>): void {
	for (const line of content.toString().trimEnd().split("\n")) {
		const [, hash, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
		if (!hash || !name)
			throw new UpdateRefused("damaged", `${sums} is damaged`);
		hashes.set(name, hash);
	}
}

function checkHash(
	name: string,
	hash: string,
	hashes: ReadonlyMap<string, string>,
): void {
	if (hashes.get(name) !== hash)
		throw new UpdateRefused(
			"damaged",
			`${name} is damaged: its content is not the signed one`,
		);
}

function sha256(content: Buffer): string {
	return createHash("sha256").update(content).digest("hex");
}

async function writeEntry(entry: Entry, path: string): Promise<string> {
	await mkdir(dirname(path), { recursive: true });
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
function explained(error: unknown): unknown {
	if (!(error instanceof Error)) return error;
	// In the middle of a file its reader is told nothing but that there is no more.
	if (/unexpected end|stream was destroyed/i.test(error.message))
		return new UpdateRefused(
			"incomplete",
			"The file ends early: bring it whole",
		);
	// Ours have names that need no extended headers; the reader refuses large ones unread.
	if (/tar header|header exceeds|invalid header/i.test(error.message))
		return notOurs;
	if ((error as NodeJS.ErrnoException).code === "ENOSPC")
		return new UpdateRefused(
			"tooLarge",
			"The boot partition is full: there is no room for the update",
		);
	return error;
}
