/** A pseudo-random number generator with a seed (mulberry32). */
export class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = seed >>> 0;
	}

	/** Returns a number from 0 to less than 1. */
	next(): number {
		this.#state = (this.#state + 0x6d2b79f5) >>> 0;
		let mixed = this.#state;
		mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	}

	/** Returns an integer from 0 to less than `end`. */
	below(end: number): number {
		return Math.floor(this.next() * end);
	}

	/** Returns each item with a probability of one half. */
	someOf<Item>(items: readonly Item[]): Item[] {
		return items.filter(() => this.next() < 0.5);
	}

	/** Returns `count` items in their order, or all if there are fewer. */
	sample<Item>(items: readonly Item[], count: number): Item[] {
		const chosen: Item[] = [];
		items.forEach((item, index) => {
			const needed = count - chosen.length;
			if (this.next() * (items.length - index) < needed) chosen.push(item);
		});
		return chosen;
	}
}
