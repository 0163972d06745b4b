import {
	Failure,
	type InputArguments,
	type OperationName,
	type Output,
	type QueryName,
} from "./api.ts";

interface PendingCall {
	resolve(output: unknown): void;
	reject(failure: Failure): void;
}

/**
 * The WebSocket that a page keeps open. It is opened by the first call, and again by the
 * first call after it was lost.
 */
export class Connection {
	#socket: WebSocket | undefined;
	#lastId = 0;
	readonly #pendingCalls = new Map<number, PendingCall>();

	/** @throws Failure; with the code `disconnected` where the connection was lost. */
	call<Name extends OperationName>(
		operation: Name,
		...[input]: InputArguments<Name>
	): Promise<Output<Name>> {
		return this.#call(operation, input ?? {});
	}

	/** Calls an operation without an input. @throws like `call`. */
	query<Name extends QueryName>(operation: Name): Promise<Output<Name>> {
		return this.#call(operation, {});
	}

	#call<Name extends OperationName>(
		operation: Name,
		input: object,
	): Promise<Output<Name>> {
		const id = ++this.#lastId;
		return new Promise((resolve, reject) => {
			this.#pendingCalls.set(id, {
				resolve: (output) => resolve(output as Output<Name>),
				reject,
			});
			const socket = this.#open();
			const send = () => socket.send(JSON.stringify({ id, operation, input }));
			if (socket.readyState === WebSocket.OPEN) send();
			else socket.addEventListener("open", send, { once: true });
		});
	}

	close(): void {
		this.#socket?.close();
	}

	#open(): WebSocket {
		if (this.#socket) return this.#socket;
		const url = new URL("/manager/api/ws", location.href);
		url.protocol = url.protocol.replace("http", "ws");
		const socket = new WebSocket(url);
		socket.addEventListener("message", ({ data }) => this.#answered(data));
		socket.addEventListener("close", () => this.#lost());
		this.#socket = socket;
		return socket;
	}

	#answered(text: string): void {
		const { id, output, error } = JSON.parse(text);
		const call = this.#pendingCalls.get(id);
		this.#pendingCalls.delete(id);
		if (error) call?.reject(new Failure(error.code, error.message));
		else call?.resolve(output);
	}

	#lost(): void {
		this.#socket = undefined;
		const calls = [...this.#pendingCalls.values()];
		this.#pendingCalls.clear();
		for (const call of calls)
			call.reject(
				new Failure("disconnected", "The connection to the manager is lost."),
			);
	}
}
