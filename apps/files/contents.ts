import { statfs } from "node:fs/promises";
import type { Database } from "./database.ts";
import { DavError } from "./dav-error.ts";

/** Small enough for the memory of a small gateway, large enough to keep the rows of a large file few. */
const chunkBytes = 128 * 1024;
/** Size of one read. Small, since large short-lived buffers accumulate until they are collected. */
const readBytes = 32 * 1024;
/** What files leave free on the disk. */
const keptBytes = 64 * 1024 * 1024;

/** The content of a file; it never changes. */
export interface Content {
	id: string;
	type: string;
	sizeBytes: number;
}

interface ContentsOptions {
	database: Database;
	/** Runs work that makes the database smaller in a transaction of its own, also while it is read-only. */
	deleting<Result>(
		work: (database: Database) => Promise<Result>,
	): Promise<Result>;
	/** Called when contents could not be deleted. */
	onDeleteError(error: unknown): void;
	/** A directory on the database's disk; undefined if that is on another host. */
	directory: string | undefined;
}

/**
 * Contents in the database, written and read as streams. Neither holds a database connection
 * while it waits for a client.
 */
export class Contents {
	readonly #database: Database;
	readonly #deleting: ContentsOptions["deleting"];
	readonly #onDeleteError: (error: unknown) => void;
	readonly #directory: string | undefined;
	/** The number of readers and writers by content id. */
	readonly #holders = new Map<string, number>();
	/** Contents that a file has given up. */
	readonly #dropped = new Set<string>();

	constructor(options: ContentsOptions) {
		this.#database = options.database;
		this.#deleting = options.deleting;
		this.#onDeleteError = options.onDeleteError;
		this.#directory = options.directory;
	}

	/** @throws DavError 507 if the disk has no room for a content of this size. */
	async assertRoom(bytes: number): Promise<void> {
		if (this.#directory === undefined) return;
		// Without the blocks that are reserved for PostgreSQL.
		const { bavail, bsize } = await statfs(this.#directory);
		if (bytes + keptBytes > bavail * bsize)
			throw new DavError(507, "The disk has no room for the file");
	}

	/** Deletes what a killed process has left. Must be called before contents are read or written. */
	async deleteUnused(): Promise<void> {
		await this.#deleting((database) =>
			database.query(
				"DELETE FROM content WHERE NOT EXISTS (SELECT FROM node WHERE content = content.id)",
			),
		);
	}

	/**
	 * Writes a new content.
	 * @param keep assigns it to a file; if that or the writing fails, the content is deleted.
	 */
	async write<Result>(
		from: AsyncIterable<Buffer>,
		type: string,
		keep: (content: Content) => Promise<Result>,
	): Promise<Result> {
		const { rows } = await this.#database.query<{ id: string }>(
			"INSERT INTO content (type) VALUES ($1) RETURNING id",
			[type],
		);
		const id = rows[0]?.id ?? "";
		const release = this.hold(id);
		try {
			const sizeBytes = await this.#writeChunks(id, from);
			return await keep({ id, type, sizeBytes });
		} catch (error) {
			this.#dropped.add(id);
			throw error;
		} finally {
			release();
		}
	}

	/** @param first and @param last byte, both inclusive. */
	async *read(id: string, first: number, last: number): AsyncGenerator<Buffer> {
		let position = first;
		while (position <= last) {
			const { rows } = await this.#database.query<{ data: Buffer }>(
				`SELECT substring(data FROM ($2 - position + 1)::integer FOR $3) AS data FROM chunk
				 WHERE content = $1 AND position <= $2 ORDER BY position DESC LIMIT 1`,
				[id, position, Math.min(readBytes, last - position + 1)],
			);
			const data = rows[0]?.data;
			if (!data?.length)
				throw new Error(`Content ${id} has no byte ${position}`);
			yield data;
			position += data.length;
		}
	}

	/** Keeps a content from being deleted until the returned function is called. */
	hold(id: string): () => void {
		this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
		return () => {
			const remaining = (this.#holders.get(id) ?? 1) - 1;
			if (remaining > 0) this.#holders.set(id, remaining);
			else this.#holders.delete(id);
			this.#deleteDropped();
		};
	}

	/** Deletes contents that a file has given up, unless another file has them, once nothing holds them. */
	drop(ids: readonly string[]): void {
		for (const id of ids) this.#dropped.add(id);
		this.#deleteDropped();
	}

	async #writeChunks(id: string, from: AsyncIterable<Buffer>): Promise<number> {
		const chunk = Buffer.allocUnsafe(chunkBytes);
		let filled = 0;
		let position = 0;
		const flush = async () => {
			await this.assertRoom(filled);
			// These rows need not survive a power cut before they belong to a file, and the commit
			// that assigns them to a file waits for the disk.
			await this.#database.query(
				`INSERT INTO chunk SELECT $1, $2, $3
				 FROM set_config('synchronous_commit', 'off', true)`,
				[id, position, chunk.subarray(0, filled)],
			);
			position += filled;
			filled = 0;
		};
		for await (const part of from)
			for (let used = 0; used < part.length; ) {
				const copied = part.copy(chunk, filled, used);
				used += copied;
				filled += copied;
				if (filled === chunkBytes) await flush();
			}
		if (filled > 0) await flush();
		return position;
	}

	#deleteDropped(): void {
		const ids = [...this.#dropped].filter((id) => !this.#holders.has(id));
		if (ids.length === 0) return;
		for (const id of ids) this.#dropped.delete(id);
		this.#deleting((database) =>
			database.query(
				`DELETE FROM content WHERE id = ANY($1)
				 AND NOT EXISTS (SELECT FROM node WHERE content = content.id)`,
				[ids],
			),
		).catch(this.#onDeleteError);
	}
}
