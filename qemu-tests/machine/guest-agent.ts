import type { Socket } from "node:net";
import { within } from "./time.ts";

const resendMs = 5_000;

type Reply = { return?: unknown; error?: { desc: string } };

/**
 * QEMU's guest agent. On an ISA port its answers may follow messages of the kernel and GRUB, so every call starts with
 * guest-sync-delimited.
 */
export class GuestAgent {
	readonly #socket: Socket;
	#received = Buffer.alloc(0);
	#wake: (() => void) | undefined;
	#lastSync = 0;

	constructor(socket: Socket) {
		this.#socket = socket;
		socket.on("data", (chunk) => {
			this.#received = Buffer.concat([this.#received, chunk]);
			this.#wake?.();
		});
	}

	/** Runs one command of the agent's protocol and returns its answer. */
	async call(
		command: string,
		parameters: Record<string, unknown> = {},
		{ timeoutMs = 30_000 } = {},
	): Promise<unknown> {
		await within(
			"an answer of the guest agent",
			timeoutMs,
			this.#synchronise(),
		);
		this.#write({ execute: command, arguments: parameters });
		const line = await within(
			`the guest agent's ${command}`,
			timeoutMs,
			this.#line(),
		);
		const reply = JSON.parse(line) as Reply;
		if (reply.error) throw new Error(`${command}: ${reply.error.desc}`);
		return reply.return;
	}

	/** Sends again, as hosts do: what arrives before the agent has opened its port is lost. */
	async #synchronise(): Promise<void> {
		let id = 0;
		const send = () => {
			id = ++this.#lastSync;
			// 0xff makes the agent's parser drop an incomplete message.
			this.#socket.write(Buffer.from([0xff]));
			this.#write({ execute: "guest-sync-delimited", arguments: { id } });
		};
		this.#received = Buffer.alloc(0);
		send();
		const timer = setInterval(send, resendMs);
		try {
			for (;;) {
				const line = await this.#line();
				const answer = line.slice(line.lastIndexOf("\ufffd") + 1);
				if (answer.trim() === `{"return": ${id}}`) return;
			}
		} finally {
			clearInterval(timer);
		}
	}

	async #line(): Promise<string> {
		for (;;) {
			const end = this.#received.indexOf("\n");
			if (end >= 0) {
				const line = this.#received.subarray(0, end).toString("utf8");
				this.#received = this.#received.subarray(end + 1);
				return line;
			}
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}

	#write(message: object): void {
		this.#socket.write(`${JSON.stringify(message)}\n`);
	}
}
