import type { WebSocket } from "ws";
import * as z from "zod";
import {
	type AppLogin,
	appLogin,
	isLoginRight,
	newChallenge,
} from "./digest.ts";

const loginLimitMs = 30_000;
/** Clients send KeepAlive after 60 s without anything else. */
const silenceLimitMs = 180_000;
/** A client needs one. */
const mostChallenges = 10;

const message = z.looseObject({
	mt: z.string().max(200),
	api: z.string().max(200).optional(),
	/** Echoed in the answer. */
	src: z.unknown().optional(),
});
export type AppMessage = z.output<typeof message>;

/** What the client is told of its login. */
export interface LoginResult {
	ok: boolean;
	/** Why not: for programs. */
	error?: string;
	/** The same in words. */
	errorText?: string;
}

export interface AppServer {
	/** Of the instance; or what decides whether a login to a challenge is right. */
	password:
		| string
		| ((login: AppLogin, challenge: string) => Promise<LoginResult>);
	/** What AppInfo tells: `hidden`, `apis`. */
	info?: Record<string, unknown>;
	/** Somebody has logged in. @returns who takes what comes then. */
	opened(session: AppSession): (message: AppMessage) => void;
}

/**
 * One end of the AppWebsocket protocol: a client that has to know the instance's password
 * before anything that it sends counts.
 */
export class AppSession {
	readonly #socket: WebSocket;
	readonly #server: AppServer;
	#challenge: string | undefined;
	#challenges = 0;
	#login: AppLogin | undefined;
	/** What has come is done one after the other: a request waits for the login before it. */
	#work: Promise<void> = Promise.resolve();
	#take: (message: AppMessage) => void = () => {};
	#timer: NodeJS.Timeout;

	constructor(socket: WebSocket, server: AppServer) {
		this.#socket = socket;
		this.#server = server;
		this.#timer = setTimeout(() => socket.terminate(), loginLimitMs);
		socket.on("close", () => clearTimeout(this.#timer));
		socket.on("message", (data, isBinary) => {
			const received = isBinary ? undefined : parse(String(data));
			this.#work = this.#work.then(() => this.#receive(received));
		});
	}

	/** Who is logged in. @throws Error before that. */
	get login(): AppLogin {
		if (!this.#login) throw new Error("Nobody has logged in yet");
		return this.#login;
	}

	/** Of its own accord. */
	send(message: AppMessage): void {
		this.#socket.send(JSON.stringify(message));
	}

	/** To a request: with its `api` and `src`. */
	answer(request: AppMessage, answer: AppMessage): void {
		const { api, src } = request;
		this.send({
			...answer,
			...(api !== undefined && { api }),
			...(src !== undefined && { src }),
		});
	}

	async #receive(received: AppMessage | undefined): Promise<void> {
		// Who is being cut off may go on sending for a while.
		if (this.#socket.readyState !== this.#socket.OPEN) return;
		if (!received) this.#socket.close(4400, "no message of the protocol");
		else if (received.mt === "AppChallenge") this.#tellChallenge(received);
		else if (received.mt === "AppLogin") await this.#logIn(received);
		else if (this.#login) this.#serve(received);
		else this.#socket.close(4401, "log in first");
	}

	#tellChallenge(request: AppMessage): void {
		this.#challenges += 1;
		if (this.#challenges > mostChallenges) {
			this.#socket.close(4400, "too many challenges");
			return;
		}
		this.#challenge = newChallenge();
		this.answer(request, {
			mt: "AppChallengeResult",
			challenge: this.#challenge,
		});
	}

	#serve(received: AppMessage): void {
		this.#timer.refresh();
		if (received.mt === "KeepAlive") return;
		if (received.mt !== "AppInfo") this.#take(received);
		else
			this.answer(received, {
				mt: "AppInfoResult",
				app: received.app,
				info: this.#server.info ?? {},
			});
	}

	/** Each challenge counts once: what was heard cannot be said again. */
	async #logIn(received: AppMessage): Promise<void> {
		const { data: login } = appLogin.safeParse(received);
		const challenge = this.#challenge;
		this.#challenge = undefined;
		const result =
			login && challenge !== undefined && !this.#login
				? await this.#check(login, challenge)
				: { ok: false };
		this.answer(received, { mt: "AppLoginResult", ...result });
		if (!result.ok) this.#socket.close(4401, "the login is wrong");
		if (this.#socket.readyState !== this.#socket.OPEN) return;
		this.#login = login;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#socket.terminate(), silenceLimitMs);
		this.#take = this.#server.opened(this);
	}

	async #check(login: AppLogin, challenge: string): Promise<LoginResult> {
		const { password } = this.#server;
		if (typeof password === "string")
			return { ok: isLoginRight(login, challenge, password) };
		// What comes meanwhile stays with the client.
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
