import { EventEmitter, on } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import { type Machine, timeLimit, within } from "../machine/index.ts";
import { openNotes } from "./notes.ts";

// So that the machine is not busy with them alone: it has one emulated core, for which each new
// TLS connection is much work.
const pauseMs = 200;
const pauseAfterFailureMs = 1_000;
const patienceMs = 10_000;
const longestGapMs = 180_000;

type Reached = Pick<Machine, "fetch" | "websocket">;

/** What some people have seen of the device while they used it. */
export interface Experience {
	/** By what they asked for: the longest time without an answer. */
	longestGapMs: Record<string, number>;
	answers: Record<string, number>;
	/** Edits that were acknowledged and not there any more when somebody looked. */
	lost: string[];
	/** By path: the text whose edit was acknowledged last. */
	texts: Record<string, string>;
}

/**
 * People who use the device and do not stop when it fails: of each instance of "notes" one
 * who edits and one who opens its page, and one at the manager.
 */
export class Traffic {
	readonly #stopping = new AbortController();
	readonly #people: Person[];
	readonly #editors: Editor[];
	readonly #ended: Promise<unknown>;

	/** @param paths of the instances. */
	constructor(machine: Reached, paths: readonly string[]) {
		this.#editors = paths.map((path) => new Editor(machine, path));
		this.#people = [
			...this.#editors,
			...[...paths, "/manager/api/health"].map(
				(path) => new Reader(machine, path),
			),
		];
		this.#ended = Promise.all(
			this.#people.map((person) => person.goOn(this.#stopping.signal)),
		);
	}

	/** Until everybody was answered what they asked from now on. */
	async flows(): Promise<void> {
		const now = performance.now();
		for (const person of this.#people) await person.answered(now);
	}

	async stop(): Promise<Experience> {
		this.#stopping.abort();
		await this.#ended;
		const figures = (value: (person: Person) => number) =>
			Object.fromEntries(
				this.#people.map((person) => [person.name, Math.round(value(person))]),
			);
		return {
			longestGapMs: figures(({ longestGapMs }) => longestGapMs),
			answers: figures(({ answers }) => answers),
			lost: this.#editors.flatMap(({ lost }) => lost),
			texts: Object.fromEntries(
				this.#editors.map(({ path, text }) => [path, text]),
			),
		};
	}
}

abstract class Person {
	readonly name: string;
	answers = 0;
	longestGapMs = 0;
	/** When what was answered last had been asked. */
	#askedAt = 0;
	readonly #events = new EventEmitter();

	constructor(name: string) {
		this.name = name;
	}

	/** Fails where there is no answer. */
	protected abstract ask(): Promise<void>;

	protected end(): void {}

	async goOn(stopping: AbortSignal): Promise<void> {
		let answeredAt = performance.now();
		while (!stopping.aborted) {
			const askedAt = performance.now();
			const isAnswered = await this.ask().then(
				() => true,
				() => false,
			);
			if (isAnswered) {
				const now = performance.now();
				this.longestGapMs = Math.max(this.longestGapMs, now - answeredAt);
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
		await within(`an answer to ${this.name}`, longestGapMs, wait());
	}
}

class Reader extends Person {
	readonly #machine: Reached;
	readonly #path: string;

	constructor(machine: Reached, path: string) {
		super(`GET ${path}`);
		this.#machine = machine;
		this.#path = path;
	}

	protected async ask(): Promise<void> {
		const response = await this.#machine.fetch("https", this.#path, {
			signal: AbortSignal.timeout(timeLimit(patienceMs)),
		});
		await response.text();
		if (response.status !== 200) throw new Error(`${response.status}`);
	}
}

/** An edit is acknowledged when it comes back: it is in the database then. */
class Editor extends Person {
	readonly path: string;
	readonly lost: string[] = [];
	readonly #machine: Reached;
	#socket: WebSocket | undefined;
	#edits = 0;
	/** What may be there: what was acknowledged last and what was sent since. */
	#possible: string[] = [];

	constructor(machine: Reached, path: string) {
		super(`edit ${path}`);
		this.#machine = machine;
		this.path = path;
	}

	get text(): string {
		return this.#possible[0] ?? "";
	}

	protected async ask(): Promise<void> {
		try {
			const signal = AbortSignal.timeout(timeLimit(patienceMs));
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
