import type { Caller } from "../operations/caller.ts";
import type {
	Changes,
	Operation,
	OperationTable,
} from "../operations/operation.ts";
import type { Log } from "../shared/log.ts";
import { OperationError } from "../shared/operation-error.ts";
import { describeFailure } from "./call.ts";

/** Changes that follow each other faster are sent together. */
const minPauseMs = 200;
/** After a failed read. */
const retryMs = 2_000;

/** @param message `{topic, output}` or `{topic, error: {code, message}}`, in JSON. */
type Send = (message: string) => void;

/**
 * The outputs of operations that clients subscribe to, by the operation's name. Each is read once for all of its
 * subscribers, and not at all while there are none.
 */
export class Topics {
	readonly #operations: OperationTable;
	readonly #log: Log;
	readonly #topics = new Map<string, Topic>();

	constructor(operations: OperationTable, log: Log) {
		this.#operations = operations;
		this.#log = log;
	}

	/**
	 * Sends the output at once and when it has changed.
	 * @returns ends the subscription.
	 * @throws OperationError if the operation has no subscribers.
	 */
	subscribe(name: string, send: Send): () => void {
		let topic = this.#topics.get(name);
		if (!topic) {
			const operation = this.#operations.get(name);
			if (!operation?.live)
				throw new OperationError(
					"notFound",
					"unknownTopic",
					"No operation of this name can be subscribed to",
				);
			topic = new Topic(operation, this.#log);
			this.#topics.set(name, topic);
		}
		return topic.add(send);
	}
}

/** Those who may subscribe may read: the output does not depend on who they are. */
const caller: Caller = {
	address: undefined,
	session: undefined,
	token: undefined,
	keepToken() {},
	keepBrowser() {},
};

class Topic {
	readonly #operation: Operation;
	readonly #log: Log;
	readonly #subscribers = new Set<Send>();
	readonly #onChange = () => this.#refreshAfter(minPauseMs);
	#last: string | undefined;
	#timer: NodeJS.Timeout | undefined;
	/** When the timer is due, in the time of performance.now(). */
	#dueMs = Number.POSITIVE_INFINITY;
	#isReading = false;
	#changedWhileReading = false;

	constructor(operation: Operation, log: Log) {
		this.#operation = operation;
		this.#log = log;
	}

	add(send: Send): () => void {
		// A copy, so that a function can be added twice.
		const subscriber: Send = (message) => send(message);
		this.#subscribers.add(subscriber);
		if (this.#subscribers.size === 1)
			for (const changes of this.#sources) changes.on("change", this.#onChange);
		if (this.#last !== undefined) subscriber(this.#last);
		else this.#refreshAfter(0);
		return () => this.#remove(subscriber);
	}

	#remove(subscriber: Send): void {
		this.#subscribers.delete(subscriber);
		if (this.#subscribers.size > 0) return;
		for (const changes of this.#sources) changes.off("change", this.#onChange);
		clearTimeout(this.#timer);
		this.#dueMs = Number.POSITIVE_INFINITY;
		this.#last = undefined;
	}

	#refreshAfter(delayMs: number): void {
		if (this.#isReading) this.#changedWhileReading = true;
		const dueMs = performance.now() + delayMs;
		if (this.#isReading || dueMs >= this.#dueMs) return;
		clearTimeout(this.#timer);
		this.#dueMs = dueMs;
		this.#timer = setTimeout(() => void this.#refresh(), delayMs);
	}

	get #sources(): readonly Changes[] {
		return this.#operation.live?.changes ?? [];
	}

	async #refresh(): Promise<void> {
		this.#dueMs = Number.POSITIVE_INFINITY;
		this.#isReading = true;
		this.#changedWhileReading = false;
		const { message, isFailure } = await this.#read();
		this.#isReading = false;
		if (this.#subscribers.size === 0) return;
		if (message !== this.#last) {
			this.#last = message;
			for (const send of this.#subscribers) send(message);
		}
		const { everyMs = isFailure ? retryMs : undefined } =
			this.#operation.live ?? {};
		if (this.#changedWhileReading) this.#refreshAfter(minPauseMs);
		else if (everyMs !== undefined) this.#refreshAfter(everyMs);
	}

	async #read(): Promise<{ message: string; isFailure: boolean }> {
		const { name: topic } = this.#operation;
		try {
			const output = await this.#operation.run({}, caller);
			return { message: JSON.stringify({ topic, output }), isFailure: false };
		} catch (failure) {
			const { error } = describeFailure(failure, this.#log);
			return { message: JSON.stringify({ topic, error }), isFailure: true };
		}
	}
}
