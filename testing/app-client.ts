import { once } from "node:events";
import type { WebSocket } from "ws";
import { loginDigest } from "../sdk/app-websocket/digest.ts";

export interface Message {
	mt: string;
	[field: string]: unknown;
}

/** The identity with which public clients log in to the manager. */
export const clientIdentity = {
	app: "manager",
	domain: "",
	sip: "manager",
	guid: "0".repeat(32),
	dn: "Admin",
};

export function loginWith(
	challenge: unknown,
	password: string,
	as = clientIdentity,
): Message {
	const digest = loginDigest(as, String(challenge), password);
	return { mt: "AppLogin", ...as, digest };
}

/** A client of the AppWebsocket protocol. */
export class AppClient {
	readonly socket: WebSocket;

	private constructor(socket: WebSocket) {
		this.socket = socket;
	}

	static async open(socket: WebSocket): Promise<AppClient> {
		await once(socket, "open");
		return new AppClient(socket);
	}

	send(message: Message): void {
		this.socket.send(JSON.stringify(message));
	}

	async ask(message: Message): Promise<Message> {
		const answer = once(this.socket, "message");
		this.send(message);
		const [data] = await answer;
		return JSON.parse(String(data));
	}

	async logIn(password: string, as = clientIdentity): Promise<Message> {
		const { challenge } = await this.ask({ mt: "AppChallenge" });
		return this.ask(loginWith(challenge, password, as));
	}

	/** Waits until the connection is closed. @returns the close code. */
	async closed(): Promise<number> {
		const [code] = await once(this.socket, "close");
		return code;
	}
}
