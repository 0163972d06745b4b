import type { Duplex, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { stripVTControlCharacters } from "node:util";
import { timeLimit } from "./time.ts";

export type CommandResult = { exitCode: number; output: string };
export type ExpectOptions = {
	timeoutMs?: number;
	/** Fails at once when this matches first, without waiting for the timeout. */
	unless?: RegExp;
};

const kernelPanic = /Kernel panic/;
// Messages of services may follow a prompt at once, so neither pattern is anchored at the end.
/** A getty's prompt since the machine last started. */
const gettyPrompt = /login: (?!.*Linux version)/s;
/** The prompt that /etc/profile sets, or login's error message. */
const shellPrompt = /@[^\s:]+:\S*[#$] |incorrect|denied/;
const keptLength = 20_000;
const tailLength = 2_000;

/** A terminal: the guest's serial console, or a shell over SSH. */
export class Console {
	readonly #stream: Duplex;
	readonly #decoder = new StringDecoder("utf8");
	#incomplete = "";
	#unread = "";
	#shown = "";
	#ended = false;
	/** The callers that wait for more text, in order. */
	readonly #waiters = new Set<() => void>();
	#commands = 0;

	constructor(stream: Duplex) {
		this.#stream = stream;
		stream.on("data", (chunk: Buffer) => this.#receive(chunk));
		stream.on("close", () => {
			this.#ended = true;
			this.#wakeAll();
		});
	}

	/** The end of the output, matched or not. */
	get tail(): string {
		return this.#shown.slice(-tailLength);
	}

	/** Copies the output to another stream as well. */
	attach(screen: Writable): void {
		this.#stream.pipe(screen, { end: false });
	}

	/** Types the text as it is; `\n` is the Enter key. */
	send(text: string): void {
		this.#stream.write(text);
	}

	/**
	 * Waits for text after the last match and returns the match.
	 * @throws Error when nothing matches in time, or on a kernel panic.
	 */
	async expect(
		pattern: string | RegExp,
		{ timeoutMs = 60_000, unless = kernelPanic }: ExpectOptions = {},
	): Promise<RegExpExecArray> {
		const wanted =
			typeof pattern === "string" ? new RegExp(literal(pattern)) : pattern;
		const end = Date.now() + timeLimit(timeoutMs);
		for (;;) {
			const match = wanted.exec(this.#unread);
			if (match) {
				this.#unread = this.#unread.slice(match.index + match[0].length);
				return match;
			}
			const instead = unless.exec(this.#unread)?.[0];
			if (instead !== undefined) throw this.#failure(pattern, `"${instead}"`);
			if (this.#ended) throw this.#failure(pattern, "a closed connection");
			if (!(await this.#moreBefore(end)))
				throw this.#failure(
					pattern,
					`no match within ${timeLimit(timeoutMs) / 1000} s`,
				);
		}
	}

	/** Logs in at a getty's prompt, which may already be shown, and sets up the terminal. */
	async login(
		user: string,
		password: string,
		{ timeoutMs = 120_000 } = {},
	): Promise<void> {
		if (!/login: *$/.test(this.#shown)) {
			if (gettyPrompt.test(this.#shown)) {
				this.skip();
				this.send("\n");
			}
			await this.expect(gettyPrompt, { timeoutMs });
		}
		this.skip();
		this.send(`${user}\n`);
		await this.expect(/[Pp]assword: */);
		this.send(`${password}\n`);
		const [answer] = await this.expect(shellPrompt);
		if (!/[#$]/.test(answer)) throw new Error(`${user} could not log in`);
		// ps and ls truncate lines at the width of the terminal.
		await this.run("stty cols 1000 rows 50");
	}

	/** Discards output that has not been matched yet. */
	skip(): void {
		this.#unread = "";
	}

	/**
	 * Runs a command in a subshell of the shell at this terminal. The markers are typed with quotes inside, so that the
	 * terminal's echo does not match them. Nothing runs before the shell has read the last line, so all echo comes
	 * before the output. Tabs become spaces.
	 */
	async run(
		command: string,
		{ timeoutMs = 60_000 } = {},
	): Promise<CommandResult> {
		const id = `${process.pid}.${++this.#commands}`;
		// A tab would trigger the shell's completion.
		const typed = command.replaceAll("\t", " ");
		this.skip();
		this.send(`( echo "<"'<${id}'\n${typed}\n); echo ">"">${id} $?"\n`);
		await this.expect(`<<${id}\n`, { timeoutMs });
		const end = new RegExp(`>>${literal(id)} (\\d+)\n`);
		const found = await this.expect(end, { timeoutMs });
		return {
			exitCode: Number(found[1]),
			output: found.input.slice(0, found.index),
		};
	}

	#receive(chunk: Buffer): void {
		const text = this.#incomplete + this.#decoder.write(chunk);
		const cut = incompleteTailStart(text);
		this.#incomplete = text.slice(cut);
		const plain = stripVTControlCharacters(text.slice(0, cut)).replace(
			/\r+\n/g,
			"\n",
		);
		this.#unread += plain;
		this.#shown = (this.#shown + plain).slice(-keptLength);
		this.#wakeAll();
	}

	#wakeAll(): void {
		for (const wake of this.#waiters) wake();
	}

	/** Resolves with true when there is more output, with false at the deadline. */
	#moreBefore(end: number): Promise<boolean> {
		return new Promise((resolve) => {
			const settle = (isMore: boolean) => {
				clearTimeout(timer);
				this.#waiters.delete(wake);
				resolve(isMore);
			};
			const wake = () => settle(true);
			const timer = setTimeout(
				() => settle(false),
				Math.max(0, end - Date.now()),
			);
			this.#waiters.add(wake);
		});
	}

	#failure(pattern: string | RegExp, instead: string): Error {
		return new Error(
			`Expected ${pattern} on the console, got ${instead}. Last lines:\n${this.tail}`,
		);
	}
}

/** Returns where an escape sequence or line end starts that the next chunk completes. */
function incompleteTailStart(text: string): number {
	const start = text.lastIndexOf("\u001b");
	if (start >= 0 && /^.[^A-Za-z]{0,20}$/.test(text.slice(start))) return start;
	return text.endsWith("\r") ? text.length - 1 : text.length;
}

function literal(text: string): string {
	return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
