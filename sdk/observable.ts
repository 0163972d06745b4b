/** A value that changes: subscribers get the current one and each later one. */
export class Observable<Value> {
	#current: { value: Value } | undefined;
	readonly #listeners: ((value: Value) => void)[] = [];

	/** Undefined until the first `set`. */
	get value(): Value | undefined {
		return this.#current?.value;
	}

	/** Calls the listener with the current value, if there is one, and at every `set`. */
	subscribe(listener: (value: Value) => void): void {
		this.#listeners.push(listener);
		if (this.#current) notify(listener, this.#current.value);
	}

	set(value: Value): void {
		this.#current = { value };
		for (const listener of this.#listeners) notify(listener, value);
	}
}

/** Logs what a listener throws, so that the others are still called. */
function notify<Value>(listener: (value: Value) => void, value: Value): void {
	try {
		listener(value);
	} catch (error) {
		console.error(error);
	}
}
