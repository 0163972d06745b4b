/** What has to end when something else does, such as the WebSockets of a password or a token. */
export class Endings<Key> {
	readonly #ends = new Map<Key, Set<() => void>>();

	/** @returns what takes it back. */
	add(key: Key, end: () => void): () => void {
		const ends = this.#ends.get(key) ?? new Set();
		this.#ends.set(key, ends.add(end));
		return () => {
			ends.delete(end);
			if (ends.size === 0 && this.#ends.get(key) === ends)
				this.#ends.delete(key);
		};
	}

	/** Each once. */
	end(key: Key): void {
		const ends = this.#ends.get(key);
		this.#ends.delete(key);
		for (const end of ends ?? []) end();
	}
}
