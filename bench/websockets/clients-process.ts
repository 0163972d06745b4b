import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Delays, Question } from "./clients.ts";

/** Clients in a process of their own: what they take is not in anybody's figures. */
export class Clients {
	readonly #process: ChildProcess;

	/** @param address with wss:, or ws+unix: for the way around the web server. */
	constructor(address: string) {
		this.#process = fork(join(import.meta.dirname, "clients.ts"), [address]);
	}

	/** @returns how many a second. */
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
		const failed = once(this.#process, "exit").then(() => {
			throw new Error("The clients have failed: the lines above say why");
		});
		const [answer] = await Promise.race([
			once(this.#process, "message"),
			failed,
		]);
		failed.catch(() => {});
		return answer as Answer;
	}
}
