import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { within } from "./time.ts";

export type QmpEvent = { event: string; data?: Record<string, unknown> };
type Reply = {
	id?: number;
	return?: unknown;
	error?: { class: string; desc: string };
};
type Waiter = { resolve(value: unknown): void; reject(error: Error): void };

/** QEMU's machine protocol: one JSON object per line, replies found by their id. */
export class Qmp {
	readonly #socket: Socket;
	readonly #waiting = new Map<number, Waiter>();
	readonly #events = new EventEmitter();
	/** Events that nobody has waited for yet, so that none is missed between two steps. */
	#unseen: QmpEvent[] = [];
	#lastId = 0;

	constructor(socket: Socket) {
		this.#socket = socket;
		const lines = createInterface(socket);
		lines.on("line", (line) => this.#receive(JSON.parse(line)));
		// QEMU was killed: told by the socket's close below.
		lines.on("error", () => {});
		socket.on("close", () => {
			for (const waiter of this.#waiting.values())
				waiter.reject(new Error("QEMU has ended"));
			this.#waiting.clear();
			this.#events.emit("end");
		});
	}

	/** The first command of every session. */
	async negotiate(): Promise<void> {
		await this.execute("qmp_capabilities");
	}

	/** Runs one command; the error carries QEMU's own description. */
	execute(
		command: string,
		parameters: Record<string, unknown> = {},
	): Promise<unknown> {
		const id = ++this.#lastId;
		return new Promise((resolve, reject) => {
			this.#waiting.set(id, {
				resolve,
				reject: (error) =>
					reject(new Error(`QMP ${command}: ${error.message}`)),
			});
			this.#socket.write(
				`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`,
			);
		});
	}

	/** A command of the human monitor, for the few things that QMP itself lacks. */
	async monitor(commandLine: string): Promise<string> {
		const answer = await this.execute("human-monitor-command", {
			"command-line": commandLine,
		});
		return String(answer);
	}

	/** The next event of this name, counting from the last one that was waited for. */
	async nextEvent(name: string, timeoutMs: number): Promise<QmpEvent> {
		const index = this.#unseen.findIndex(({ event }) => event === name);
		const seen = this.#unseen[index];
		if (seen) {
			this.#unseen.splice(0, index + 1);
			return seen;
		}
		this.#unseen = [];
		return within(`QEMU's event ${name}`, timeoutMs, this.#arrival(name));
	}

	#arrival(name: string): Promise<QmpEvent> {
		return new Promise((resolve, reject) => {
			this.#events.once(name, (event: QmpEvent) => {
				this.#unseen = [];
				resolve(event);
			});
			this.#events.once("end", () => reject(new Error("QEMU has ended")));
		});
	}

	#receive(message: Reply | QmpEvent): void {
		if ("event" in message) {
			this.#unseen.push(message);
			this.#events.emit(message.event, message);
			return;
		}
		const waiter = this.#waiting.get(message.id ?? 0);
		if (!waiter) return;
		this.#waiting.delete(message.id ?? 0);
		if (message.error) waiter.reject(new Error(message.error.desc));
		else waiter.resolve(message.return);
	}
}
