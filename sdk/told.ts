/** A value that the manager tells, at the start and whenever it changes. */
export class Told<Value> {
	#told: { value: Value } | undefined;
	readonly #listeners: ((value: Value) => void)[] = [];

	/** Undefined until it was told. */
	get value(): Value | undefined {
		return this.#told?.value;
	}

	/** Calls it with the value, as soon as that is known and each time that it is told. */
	follow(listener: (value: Value) => void): void {
		this.#listeners.push(listener);
		if (this.#told) call(listener, this.#told.value);
	}

	set(value: Value): void {
		this.#told = { value };
		for (const listener of this.#listeners) call(listener, value);
	}
}

/** Who throws keeps no other from hearing of it. */
function call<Value>(listener: (value: Value) => void, value: Value): void {
	try {
		listener(value);
	} catch (error) {
		console.error(error);
	}
}
