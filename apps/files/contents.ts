import type { Database } from "./database.ts";

/** A row of this size costs a small gateway little memory, and a large file few rows. */
const chunkBytes = 128 * 1024;
/** Read at once: what is garbage soon has to be small, or it stays until there is a lot of it. */
const pieceBytes = 32 * 1024;

/** What a file consists of; it never changes. */
export interface Content {
	id: string;
	type: string;
	sizeBytes: number;
}

/**
 * Contents in the database, written and read as streams: neither takes a connection while it
 * waits for a client.
 */
export class Contents {
	readonly #database: Database;
	readonly #failed: (error: unknown) => void;
	/** How many read or write each. */
	readonly #holders = new Map<string, number>();
	/** Of no file any more. */
	readonly #dropped = new Set<string>();

	/** @param failed told when a content could not be removed. */
	constructor(database: Database, failed: (error: unknown) => void) {
		this.#database = database;
		this.#failed = failed;
	}

	/** What a process that was killed has left. Only while nobody reads or writes. */
	async removeUnused(): Promise<void> {
		await this.#database.query(
			"DELETE FROM content WHERE NOT EXISTS (SELECT FROM node WHERE content = content.id)",
		);
	}

	/**
	 * Writes a content that is nobody's yet.
	 * @param keep makes it a file's; where that or the writing fails, the content is removed.
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

	/** @param first and @param last byte; both count. */
	async *read(id: string, first: number, last: number): AsyncGenerator<Buffer> {
		let position = first;
		while (position <= last) {
			const { rows } = await this.#database.query<{ data: Buffer }>(
				`SELECT substring(data FROM ($2 - position + 1)::integer FOR $3) AS data FROM chunk
				 WHERE content = $1 AND position <= $2 ORDER BY position DESC LIMIT 1`,
				[id, position, Math.min(pieceBytes, last - position + 1)],
			);
			const data = rows[0]?.data;
			if (!data?.length) throw new Error(`content ${id} lacks ${position}`);
			yield data;
			position += data.length;
		}
	}

	/** Keeps it from being removed until the returned function is called. */
	hold(id: string): () => void {
		this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
		return () => {
			const others = (this.#holders.get(id) ?? 1) - 1;
			if (others > 0) this.#holders.set(id, others);
			else this.#holders.delete(id);
			this.#removeDropped();
		};
	}

	/** Some file has given these up: removed unless another has them, once nobody holds them. */
	drop(ids: readonly string[]): void {
		for (const id of ids) this.#dropped.add(id);
		this.#removeDropped();
	}

	async #writeChunks(id: string, from: AsyncIterable<Buffer>): Promise<number> {
		const chunk = Buffer.allocUnsafe(chunkBytes);
		let filled = 0;
		let position = 0;
		const flush = async () => {
			// Nobody misses these rows after a power cut unless the file has them, and what makes
			// them the file's waits for the disk.
			await this.#database.query(
				`INSERT INTO chunk SELECT $1, $2, $3
				 FROM set_config('synchronous_commit', 'off', true)`,
				[id, position, chunk.subarray(0, filled)],
			);
			position += filled;
			filled = 0;
		};
		for await (const piece of from)
			for (let used = 0; used < piece.length; ) {
				const copied = piece.copy(chunk, filled, used);
				used += copied;
				filled += copied;
				if (filled === chunkBytes) await flush();
			}
		if (filled > 0) await flush();
		return position;
	}

	#removeDropped(): void {
		const ids = [...this.#dropped].filter((id) => !this.#holders.has(id));
		if (ids.length === 0) return;
		for (const id of ids) this.#dropped.delete(id);
		this.#database
			.query(
				`DELETE FROM content WHERE id = ANY($1)
				 AND NOT EXISTS (SELECT FROM node WHERE content = content.id)`,
				[ids],
			)
			.catch(this.#failed);
	}
}
