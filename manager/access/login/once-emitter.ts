/** Listeners by key, each called at most once, such as those that close the WebSockets of a revoked token. */
export class OnceEmitter<Key> {
	readonly #listeners = new Map<Key, Set<() => void>>();

	/** @returns a function that removes the listener. */
	once(key: Key, listener: () => void): () => void {
		const listeners = this.#listeners.get(key) ?? new Set();
		this.#listeners.set(key, listeners.add(listener));
		return () => {
			listeners.delete(listener);
			if (listeners.size === 0 && this.#listeners.get(key) === listeners)
				this.#listeners.delete(key);
		};
	}

	/** Calls and removes the key's listeners. */
	emit(key: Key): void {
		const listeners = this.#listeners.get(key);
		this.#listeners.delete(key);
		for (const listener of listeners ?? []) listener();
	}
}
