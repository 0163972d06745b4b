import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Delays, Question } from "./clients.ts";

/** Clients in a separate process, so that their memory and CPU time are not measured. */
export class Clients {
	readonly #process: ChildProcess;

	/** @param address with wss:, or ws+unix: to bypass the web server. */
	constructor(address: string) {
		this.#process = fork(join(import.meta.dirname, "clients.ts"), [address]);
	}

	/** @returns connections per second. */
	async open(count: number, atOnce = 32): Promise<number> {
		const durationMs = await this.#ask<number>({ open: count, atOnce });
		return count / (durationMs / 1000);
	}

	delays(messagesPerSecond: number, seconds: number): Promise<Delays> {
		return this.#ask<Delays>({ messagesPerSecond, seconds });
	}

	async end(): Promise<void> {
		if (!this.#process.connected) return;
		const exited = once(this.#process, "exit");
		this.#process.disconnect();
		await exited;
	}

	async #ask<Answer>(question: Question): Promise<Answer> {
		this.#process.send(question);
		const answered = new AbortController();
		const { signal } = answered;
		const failed = once(this.#process, "exit", { signal }).then(() => {
			throw new Error("The clients failed, see the messages above");
		});
		failed.catch(() => {}); // Not awaited once there is an answer.
		const [answer] = await Promise.race([
			once(this.#process, "message", { signal }),
			failed,
		]).finally(() => answered.abort());
		return answer as Answer;
	}
}
