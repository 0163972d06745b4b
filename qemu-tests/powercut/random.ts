/** Numbers that look random and are the same for the same seed (mulberry32). */
export class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = seed >>> 0;
	}

	/** From 0 on, less than 1. */
	next(): number {
		this.#state = (this.#state + 0x6d2b79f5) >>> 0;
		let mixed = this.#state;
		mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	}

	/** A whole number from 0 on, less than `end`. */
	below(end: number): number {
		return Math.floor(this.next() * end);
	}

	/** Each of them with a chance of one half. */
	someOf<Item>(items: readonly Item[]): Item[] {
		return items.filter(() => this.next() < 0.5);
	}

	/** That many of them, in their order; all when there are no more. */
	sample<Item>(items: readonly Item[], count: number): Item[] {
		const chosen: Item[] = [];
		items.forEach((item, index) => {
			const needed = count - chosen.length;
			if (this.next() * (items.length - index) < needed) chosen.push(item);
		});
		return chosen;
	}
}
