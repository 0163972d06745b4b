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

const message = z.looseObject({
	mt: z.string().max(200),
	api: z.string().max(200).optional(),
	/** Echoed in the answer. */
	src: z.unknown().optional(),
});
export type AppMessage = z.output<typeof message>;

export interface AppServer {
	/** Of the instance. */
	password: string;
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
	#login: AppLogin | undefined;
	#take: (message: AppMessage) => void = () => {};
	#timer: NodeJS.Timeout;

	constructor(socket: WebSocket, server: AppServer) {
		this.#socket = socket;
		this.#server = server;
		this.#timer = setTimeout(() => socket.terminate(), loginLimitMs);
		socket.on("close", () => clearTimeout(this.#timer));
		socket.on("message", (data, isBinary) => {
			const received = isBinary ? undefined : parse(String(data));
			if (received) this.#receive(received);
			else socket.close(4400, "no message of the protocol");
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

	#receive(received: AppMessage): void {
		if (received.mt === "AppChallenge") this.#tellChallenge(received);
		else if (received.mt === "AppLogin") this.#logIn(received);
		else if (this.#login) this.#serve(received);
		else this.#socket.close(4401, "log in first");
	}

	#tellChallenge(request: AppMessage): void {
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
	#logIn(received: AppMessage): void {
		const { data: login } = appLogin.safeParse(received);
		const challenge = this.#challenge;
		this.#challenge = undefined;
		const ok =
			login !== undefined &&
			challenge !== undefined &&
			!this.#login &&
			isLoginRight(login, challenge, this.#server.password);
		this.answer(received, { mt: "AppLoginResult", ok });
		if (!ok) {
			this.#socket.close(4401, "the login is wrong");
			return;
		}
		this.#login = login;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#socket.terminate(), silenceLimitMs);
		this.#take = this.#server.opened(this);
	}
}

function parse(text: string): AppMessage | undefined {
	try {
		return message.safeParse(JSON.parse(text)).data;
	} catch {
		return undefined;
	}
}
