import type { WebSocket } from "ws";
import * as z from "zod";
import type { GuessLimiter } from "../guess-limiter.ts";
import {
	type AppLogin,
	appLogin,
	isValidLogin,
	newChallenge,
} from "./digest.ts";

const loginTimeoutMs = 30_000;
/** Clients that are otherwise idle send KeepAlive every 60 s. */
const idleTimeoutMs = 180_000;
/** A client needs only one. */
const maxChallenges = 10;

const message = z.looseObject({
	mt: z.string().max(200),
	api: z.string().max(200).optional(),
	/** Chosen by the client, echoed in the answer. */
	src: z.unknown().optional(),
});
export type AppMessage = z.output<typeof message>;

/** The result of a login, as sent to the client. */
export interface LoginResult {
	ok: boolean;
	/** An error code, if the login failed. */
	error?: string;
	/** The error as text for people. */
	errorText?: string;
}

export interface GuessSource {
	/** One for all clients that log in with the same password. */
	limiter: GuessLimiter;
	address: string | undefined;
}

/** Of the WebSockets of instances. */
export const guessSources = new WeakMap<WebSocket, GuessSource>();

const tooManyGuesses = {
	ok: false,
	error: "tooManyAttempts",
	errorText: "Too many wrong passwords. Try again later.",
};

export interface AppServer {
	/** The instance's password, or a function that verifies a login to a challenge. */
	password:
		| string
		| ((login: AppLogin, challenge: string) => Promise<LoginResult>);
	/**
	 * Limits guesses by the address of the client. Not needed for a WebSocket of an AppInstance, which has a limiter
	 * for all of its clients.
	 */
	guesses?: GuessSource;
	/** The answer to AppInfo: `hidden`, `apis`. */
	info?: Record<string, unknown>;
	/** Called after a login. @returns the handler of the messages that follow. */
	opened(session: AppSession): (message: AppMessage) => void;
}

/**
 * The server's side of the AppWebsocket protocol. Before the client has logged in with the
 * instance's password, its other messages close the connection.
 */
export class AppSession {
	readonly #socket: WebSocket;
	readonly #server: AppServer;
	#challenge: string | undefined;
	#challenges = 0;
	#login: AppLogin | undefined;
	/** Handles messages one by one: a request waits for the login before it. */
	#queue: Promise<void> = Promise.resolve();
	#onMessage: (message: AppMessage) => void = () => {};
	#timer: NodeJS.Timeout;

	constructor(socket: WebSocket, server: AppServer) {
		this.#socket = socket;
		this.#server = server;
		this.#timer = setTimeout(() => socket.terminate(), loginTimeoutMs);
		socket.on("close", () => clearTimeout(this.#timer));
		socket.on("message", (data, isBinary) => {
			const received = isBinary ? undefined : parse(String(data));
			this.#queue = this.#queue.then(() => this.#receive(received));
		});
	}

	/** The login of the client. @throws Error before the client has logged in. */
	get login(): AppLogin {
		if (!this.#login) throw new Error("The client has not logged in");
		return this.#login;
	}

	/** Sends a message that answers no request. */
	send(message: AppMessage): void {
		this.#socket.send(JSON.stringify(message));
	}

	/** Answers a request, with the request's `api` and `src`. */
	answer(request: AppMessage, answer: AppMessage): void {
		const { api, src } = request;
		this.send({
			...answer,
			...(api !== undefined && { api }),
			...(src !== undefined && { src }),
		});
	}

	async #receive(received: AppMessage | undefined): Promise<void> {
		// A client may still send after the close frame.
		if (this.#socket.readyState !== this.#socket.OPEN) return;
		if (!received) this.#socket.close(4400, "invalid message");
		else if (received.mt === "AppChallenge") this.#sendChallenge(received);
		else if (received.mt === "AppLogin") await this.#logIn(received);
		else if (this.#login) this.#handle(received);
		else this.#socket.close(4401, "log in first");
	}

	#sendChallenge(request: AppMessage): void {
		this.#challenges += 1;
		if (this.#challenges > maxChallenges) {
			this.#socket.close(4400, "too many challenges");
			return;
		}
		this.#challenge = newChallenge();
		this.answer(request, {
			mt: "AppChallengeResult",
			challenge: this.#challenge,
		});
	}

	#handle(received: AppMessage): void {
		this.#timer.refresh();
		if (received.mt === "KeepAlive") return;
		if (received.mt !== "AppInfo") this.#onMessage(received);
		else
			this.answer(received, {
				mt: "AppInfoResult",
				app: received.app,
				info: this.#server.info ?? {},
			});
	}

	/** Each challenge is valid once, so a recorded login cannot be replayed. */
	async #logIn(received: AppMessage): Promise<void> {
		const { data: login } = appLogin.safeParse(received);
		const challenge = this.#challenge;
		this.#challenge = undefined;
		const result =
			login && challenge !== undefined && !this.#login
				? await this.#verify(login, challenge)
				: { ok: false };
		this.answer(received, { mt: "AppLoginResult", ...result });
		if (!result.ok) this.#socket.close(4401, "login failed");
		if (this.#socket.readyState !== this.#socket.OPEN) return;
		this.#login = login;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#socket.terminate(), idleTimeoutMs);
		this.#onMessage = this.#server.opened(this);
	}

	async #verify(login: AppLogin, challenge: string): Promise<LoginResult> {
		const source = this.#server.guesses ?? guessSources.get(this.#socket);
		if (!source) return this.#verifyPassword(login, challenge);
		const { limiter, address } = source;
		const { app, domain, sip, guid, dn } = login;
		const client = JSON.stringify([app, domain, sip, guid, dn]);
		const isTooEarly = () => limiter.delayMs({ address, client }) > 0;
		if (isTooEarly()) return tooManyGuesses;
		const result = await this.#verifyPassword(login, challenge);
		// Guesses that were verified at the same time must not show either.
		if (isTooEarly()) return tooManyGuesses;
		if (result.ok) limiter.succeed({ address, client });
		else limiter.fail({ address, client });
		return result;
	}

	async #verifyPassword(
		login: AppLogin,
		challenge: string,
	): Promise<LoginResult> {
		const { password } = this.#server;
		if (typeof password === "string")
			return { ok: isValidLogin(login, challenge, password) };
		// Messages that arrive meanwhile wait in the socket, not in memory.
		this.#socket.pause();
		try {
			return await password(login, challenge);
		} finally {
			this.#socket.resume();
		}
	}
}

function parse(text: string): AppMessage | undefined {
	try {
		return message.safeParse(JSON.parse(text)).data;
	} catch {
		return undefined;
	}
}
