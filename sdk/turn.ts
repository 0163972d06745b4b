/** Work that is done one after the other, in the order in which it was asked for. */
export class Turn {
	#last: Promise<unknown> = Promise.resolve();

	/** @returns what the work gives or throws; others' failures do not matter. */
	take<Result>(work: () => Promise<Result>): Promise<Result> {
		const result = this.#last.then(work);
		this.#last = result.catch(() => {});
		return result;
	}

	/** Until all that was asked for so far is done. */
	async ended(): Promise<void> {
		await this.#last;
	}
}
