import { Failure, type Output, type QueryName } from "./api.ts";

interface Subscriber {
	onOutput(output: unknown): void;
	/** Called when the manager cannot provide the output, and when the connection is lost. */
	onFailure(failure: Failure): void;
}

const firstPauseMs = 500;
const maxPauseMs = 15_000;

/**
 * The WebSocket that a page keeps open for its subscriptions. The first one opens it; a lost one is opened again with
 * growing pauses as long as there are subscriptions.
 */
export class Connection {
	#socket: WebSocket | undefined;
	#lastId = 0;
	#failures = 0;
	#timer: ReturnType<typeof setTimeout> | undefined;
	readonly #subscribers = new Map<string, Set<Subscriber>>();
	/** The operations whose subscription is not answered yet, by the message's id. */
	readonly #unanswered = new Map<number, string>();

	/** Gets the operation's output now and whenever it changes. @returns ends the subscription. */
	subscribe<Name extends QueryName>(
		operation: Name,
		onOutput: (output: Output<Name>) => void,
		onFailure: (failure: Failure) => void,
	): () => void {
		const subscriber: Subscriber = {
			onOutput: (output) => onOutput(output as Output<Name>),
			onFailure,
		};
		const subscribers = this.#subscribers.get(operation) ?? new Set();
		this.#subscribers.set(operation, subscribers.add(subscriber));
		const socket = this.#open();
		if (socket.readyState === WebSocket.OPEN) this.#subscribe(operation);
		return () => {
			subscribers.delete(subscriber);
			if (subscribers.size > 0) return;
			this.#subscribers.delete(operation);
			this.#send({ unsubscribe: operation });
		};
	}

	close(): void {
		this.#subscribers.clear();
		clearTimeout(this.#timer);
		this.#socket?.close();
	}

	#open(): WebSocket {
		if (this.#socket) return this.#socket;
		const url = new URL("/manager/api/ws", location.href);
		url.protocol = url.protocol.replace("http", "ws");
		const socket = new WebSocket(url);
		socket.addEventListener("open", () => {
			this.#failures = 0;
			for (const operation of this.#subscribers.keys())
				this.#subscribe(operation);
		});
		socket.addEventListener("message", ({ data }) => this.#onMessage(data));
		socket.addEventListener("close", () => this.#onClose());
		this.#socket = socket;
		return socket;
	}

	#subscribe(operation: string): void {
		this.#unanswered.set(this.#send({ subscribe: operation }), operation);
	}

	/** @returns the message's id. */
	#send(message: object): number {
		this.#lastId += 1;
		if (this.#socket?.readyState === WebSocket.OPEN)
			this.#socket.send(JSON.stringify({ id: this.#lastId, ...message }));
		return this.#lastId;
	}

	#onMessage(text: string): void {
		const { id, topic, output, error } = JSON.parse(text);
		const operation = topic ?? this.#unanswered.get(id);
		this.#unanswered.delete(id);
		for (const subscriber of this.#subscribers.get(operation) ?? [])
			if (error) subscriber.onFailure(new Failure(error.code, error.message));
			else if (topic !== undefined) subscriber.onOutput(output);
	}

	#onClose(): void {
		this.#socket = undefined;
		this.#unanswered.clear();
		if (this.#subscribers.size === 0) return;
		const failure = new Failure(
			"disconnected",
			"The connection to the manager is lost.",
		);
		for (const subscribers of this.#subscribers.values())
			for (const subscriber of subscribers) subscriber.onFailure(failure);
		const pauseMs = Math.min(firstPauseMs * 2 ** this.#failures, maxPauseMs);
		this.#failures += 1;
		this.#timer = setTimeout(() => this.#open(), pauseMs);
	}
}
