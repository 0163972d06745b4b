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
type PendingCommand = {
	resolve(value: unknown): void;
	reject(error: Error): void;
};

/** QEMU's machine protocol: one JSON object per line, replies found by their id. */
export class Qmp {
	readonly #socket: Socket;
	readonly #pending = new Map<number, PendingCommand>();
	readonly #events = new EventEmitter();
	/** Events that have not been awaited yet, so that none is missed between two steps. */
	#unseen: QmpEvent[] = [];
	#lastId = 0;

	constructor(socket: Socket) {
		this.#socket = socket;
		const lines = createInterface(socket);
		lines.on("line", (line) => this.#receive(JSON.parse(line)));
		// When QEMU is killed, the socket's close event below reports it.
		lines.on("error", () => {});
		socket.on("close", () => {
			for (const command of this.#pending.values())
				command.reject(new Error("QEMU has ended"));
			this.#pending.clear();
			this.#events.emit("end");
		});
	}

	/** The first command of every session. */
	async negotiate(): Promise<void> {
		await this.execute("qmp_capabilities");
	}

	/** Runs one command; the error has QEMU's description. */
	execute(
		command: string,
		parameters: Record<string, unknown> = {},
	): Promise<unknown> {
		const id = ++this.#lastId;
		return new Promise((resolve, reject) => {
			this.#pending.set(id, {
				resolve,
				reject: (error) =>
					reject(new Error(`QMP ${command}: ${error.message}`)),
			});
			this.#socket.write(
				`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`,
			);
		});
	}

	/** Runs a command of the human monitor, for the few things that QMP lacks. */
	async monitor(commandLine: string): Promise<string> {
		const answer = await this.execute("human-monitor-command", {
			"command-line": commandLine,
		});
		return String(answer);
	}

	/** Returns the next event of this name since the last one that was awaited. */
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
		const command = this.#pending.get(message.id ?? 0);
		if (!command) return;
		this.#pending.delete(message.id ?? 0);
		if (message.error) command.reject(new Error(message.error.desc));
		else command.resolve(message.return);
	}
}
