import type { Duplex, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { stripVTControlCharacters } from "node:util";
import { timeLimit } from "./time.ts";

export type CommandResult = { exitCode: number; output: string };
export type ExpectOptions = {
	timeoutMs?: number;
	/** Gives up at once when this comes first: a failed test need not wait to its end. */
	unless?: RegExp;
};

const kernelPanic = /Kernel panic/;
// Messages of services may follow a prompt at once, so neither needs to stand at the end.
/** A getty asked since the last start of the machine. */
const gettyPrompt = /login: (?!.*Linux version)/s;
/** The prompt that /etc/profile sets, or what login says instead. */
const shellPrompt = /@[^\s:]+:\S*[#$] |incorrect|denied/;
const keptLength = 20_000;
const tailLength = 2_000;

/** A terminal that somebody sits at: the guest's serial line, or a shell over SSH. */
export class Console {
	readonly #stream: Duplex;
	readonly #decoder = new StringDecoder("utf8");
	#incomplete = "";
	#unread = "";
	#shown = "";
	#ended = false;
	/** Of those who wait for more, in the order in which they came. */
	readonly #wakes = new Set<() => void>();
	#commands = 0;

	constructor(stream: Duplex) {
		this.#stream = stream;
		stream.on("data", (chunk: Buffer) => this.#receive(chunk));
		stream.on("close", () => {
			this.#ended = true;
			this.#wakeAll();
		});
	}

	/** The last that was shown, read or not. */
	get tail(): string {
		return this.#shown.slice(-tailLength);
	}

	/** Lets a person sit at this terminal too. */
	attach(screen: Writable): void {
		this.#stream.pipe(screen, { end: false });
	}

	/** Types the text as it is; `\n` is the Enter key. */
	send(text: string): void {
		this.#stream.write(text);
	}

	/**
	 * Waits for text that comes after the last match, and returns the match. Without a
	 * match in time it fails, and so it does on a kernel panic.
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
			if (this.#ended) throw this.#failure(pattern, "the end of the line");
			if (!(await this.#moreBefore(end)))
				throw this.#failure(
					pattern,
					`nothing such within ${timeLimit(timeoutMs) / 1000} s`,
				);
		}
	}

	/** Logs in at a getty's prompt, which may already stand there, and tidies the terminal. */
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
		// ps and ls cut their lines at the width of the terminal.
		await this.run("stty cols 1000 rows 50");
	}

	/** Forgets what was shown but not yet matched. */
	skip(): void {
		this.#unread = "";
	}

	/**
	 * Runs a command in a subshell of the shell at this terminal. Its markers are written
	 * with quotes in between, so that the terminal's echo of them does not look like them,
	 * and nothing runs before the shell has read the last line: all echo comes before.
	 * Tabs become blanks.
	 */
	async run(
		command: string,
		{ timeoutMs = 60_000 } = {},
	): Promise<CommandResult> {
		const id = `${process.pid}.${++this.#commands}`;
		// A tab would ask the shell to complete a name.
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
		const cut = startOfUnfinished(text);
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
		for (const wake of this.#wakes) wake();
	}

	/** Resolves with true when there is more to look at, with false when the time is over. */
	#moreBefore(end: number): Promise<boolean> {
		return new Promise((resolve) => {
			const settle = (isMore: boolean) => {
				clearTimeout(timer);
				this.#wakes.delete(wake);
				resolve(isMore);
			};
			const wake = () => settle(true);
			const timer = setTimeout(
				() => settle(false),
				Math.max(0, end - Date.now()),
			);
			this.#wakes.add(wake);
		});
	}

	#failure(pattern: string | RegExp, instead: string): Error {
		return new Error(
			`Expected ${pattern} on the console, got ${instead}. Its last lines:\n${this.tail}`,
		);
	}
}

/** Where an escape sequence or line end begins that the next chunk has to complete. */
function startOfUnfinished(text: string): number {
	const start = text.lastIndexOf("\u001b");
	if (start >= 0 && /^.[^A-Za-z]{0,20}$/.test(text.slice(start))) return start;
	return text.endsWith("\r") ? text.length - 1 : text.length;
}

function literal(text: string): string {
	return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
