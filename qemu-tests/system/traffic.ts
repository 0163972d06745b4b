import { EventEmitter, on } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import { type Machine, timeLimit, within } from "../machine/index.ts";
import { openNotes } from "./notes.ts";

// Pauses leave the machine time for other work: it has one emulated core, for which each new TLS connection is
// expensive.
const pauseMs = 200;
const pauseAfterFailureMs = 1_000;
const requestTimeoutMs = 10_000;
const maxGapMs = 180_000;

type Reachable = Pick<Machine, "fetch" | "websocket">;

/** What the clients of the device observed. */
export interface TrafficResult {
	/** By request: the longest time without an answer. */
	maxGapMs: Record<string, number>;
	answers: Record<string, number>;
	/** Acknowledged edits that were missing later. */
	lost: string[];
	/** By path: the text of the last acknowledged edit. */
	texts: Record<string, string>;
}

/**
 * Clients that use the device and keep retrying when it fails: for each instance of "notes" one that edits and one that
 * requests its page, and one that requests the manager's health.
 */
export class Traffic {
	readonly #stopping = new AbortController();
	readonly #clients: Client[];
	readonly #editors: Editor[];
	readonly #ended: Promise<unknown>;

	/** @param paths of the instances. */
	constructor(machine: Reachable, paths: readonly string[]) {
		this.#editors = paths.map((path) => new Editor(machine, path));
		this.#clients = [
			...this.#editors,
			...[...paths, "/manager/api/health"].map(
				(path) => new Reader(machine, path),
			),
		];
		this.#ended = Promise.all(
			this.#clients.map((client) => client.run(this.#stopping.signal)),
		);
	}

	/** Waits until each client has an answer to a request it sends from now on. */
	async waitForAnswers(): Promise<void> {
		const now = performance.now();
		for (const client of this.#clients) await client.answered(now);
	}

	async stop(): Promise<TrafficResult> {
		this.#stopping.abort();
		await this.#ended;
		const figures = (value: (client: Client) => number) =>
			Object.fromEntries(
				this.#clients.map((client) => [client.name, Math.round(value(client))]),
			);
		return {
			maxGapMs: figures(({ maxGapMs }) => maxGapMs),
			answers: figures(({ answers }) => answers),
			lost: this.#editors.flatMap(({ lost }) => lost),
			texts: Object.fromEntries(
				this.#editors.map(({ path, text }) => [path, text]),
			),
		};
	}
}

abstract class Client {
	readonly name: string;
	answers = 0;
	maxGapMs = 0;
	/** When the last answered request was sent. */
	#askedAt = 0;
	readonly #events = new EventEmitter();

	constructor(name: string) {
		this.name = name;
	}

	/** Sends a request; rejects without an answer. */
	protected abstract ask(): Promise<void>;

	protected end(): void {}

	async run(stopping: AbortSignal): Promise<void> {
		let answeredAt = performance.now();
		while (!stopping.aborted) {
			const askedAt = performance.now();
			const isAnswered = await this.ask().then(
				() => true,
				() => false,
			);
			if (isAnswered) {
				const now = performance.now();
				this.maxGapMs = Math.max(this.maxGapMs, now - answeredAt);
				answeredAt = now;
				this.answers++;
				this.#askedAt = askedAt;
				this.#events.emit("answer");
			}
			await delay(isAnswered ? pauseMs : pauseAfterFailureMs);
		}
		this.end();
	}

	async answered(askedAt: number): Promise<void> {
		const answers = on(this.#events, "answer");
		const wait = async () => {
			while (this.#askedAt < askedAt) await answers.next();
		};
		await within(`an answer to ${this.name}`, maxGapMs, wait());
	}
}

class Reader extends Client {
	readonly #machine: Reachable;
	readonly #path: string;

	constructor(machine: Reachable, path: string) {
		super(`GET ${path}`);
		this.#machine = machine;
		this.#path = path;
	}

	protected async ask(): Promise<void> {
		const response = await this.#machine.fetch("https", this.#path, {
			signal: AbortSignal.timeout(timeLimit(requestTimeoutMs)),
		});
		await response.text();
		if (response.status !== 200) throw new Error(`${response.status}`);
	}
}

/** An edit is acknowledged when it is sent back: it is then in the database. */
class Editor extends Client {
	readonly path: string;
	readonly lost: string[] = [];
	readonly #machine: Reachable;
	#socket: WebSocket | undefined;
	#edits = 0;
	/** The texts that may be stored: the last acknowledged one and those sent since. */
	#possible: string[] = [];

	constructor(machine: Reachable, path: string) {
		super(`edit ${path}`);
		this.#machine = machine;
		this.path = path;
	}

	get text(): string {
		return this.#possible[0] ?? "";
	}

	protected async ask(): Promise<void> {
		try {
			const signal = AbortSignal.timeout(timeLimit(requestTimeoutMs));
			if (this.#socket?.readyState !== WebSocket.OPEN)
				this.#socket = await this.#open();
			const text = `edit ${++this.#edits} of ${this.path}`;
			this.#possible.push(text);
			const messages = on(this.#socket, "message", {
				signal,
				close: ["close"],
			});
			this.#socket.send(text);
			for await (const [data] of messages)
				if (String(data) === text) {
					this.#possible = [text];
					return;
				}
			throw new Error("The connection was closed");
		} catch (error) {
			this.end();
			throw error;
		}
	}

	protected override end(): void {
		this.#socket?.terminate();
		this.#socket = undefined;
	}

	async #open(): Promise<WebSocket> {
		const { socket, text } = await openNotes(this.#machine, this.path);
		if (this.#possible.length === 0) this.#possible = [text];
		else if (!this.#possible.includes(text))
			this.lost.push(`"${text}" instead of ${this.#possible.join(" or ")}`);
		return socket;
	}
}
