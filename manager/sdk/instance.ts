import { once } from "node:events";
import { rm } from "node:fs/promises";
import {
	createServer,
	type IncomingMessage,
	type Server,
	type ServerResponse,
} from "node:http";
import type { Pool } from "pg";
import { WebSocketServer } from "ws";
import { databasePool } from "./database-pool.ts";
import { type LogFlag, logFlags } from "./log-flags.ts";
import type { InstanceArguments } from "./protocol.ts";

const longestMessageBytes = 1024 * 1024;

/** Answers a request; where it throws, the answer is 500. */
export type Answer = (
	request: IncomingMessage,
	response: ServerResponse,
) => Promise<void> | void;

/** One instance of a service, from the service's side. */
export class AppInstance {
	readonly arguments: Readonly<InstanceArguments>;
	readonly #database: Pool | undefined;
	/** Gives WebSockets below its path: `connection`. */
	readonly webSockets = new WebSocketServer({
		noServer: true,
		maxPayload: longestMessageBytes,
	});
	readonly #server: Server;
	#logFlags: number;
	#answer: Answer = (_request, response) => {
		response.writeHead(404).end();
	};

	constructor(given: InstanceArguments) {
		this.arguments = given;
		this.#logFlags = given.logFlags;
		this.#database = databasePool(given.database);
		this.#database?.on("error", (error) =>
			this.log(`lost a connection to the database: ${error.message}`),
		);
		this.#server = createServer((request, response) => {
			request.url = this.#below(request.url);
			void this.#serve(request, response);
		});
		this.#server.on("upgrade", (request, socket, head) => {
			request.url = this.#below(request.url);
			socket.on("error", () => {}); // Its end is told by `close`.
			this.webSockets.handleUpgrade(request, socket, head, (webSocket) => {
				webSocket.on("error", () => {});
				this.webSockets.emit("connection", webSocket, request);
			});
		});
	}

	/**
	 * To its own database.
	 * @throws Error where that is MySQL: an app that can use it connects by itself, with what
	 * `arguments.database` says.
	 */
	get database(): Pool {
		if (!this.#database)
			throw new Error("This app needs PostgreSQL, and its database is MySQL");
		return this.#database;
	}

	/** Who answers requests; their `url` is relative to the instance's path. */
	onRequest(answer: Answer): void {
		this.#answer = answer;
	}

	/** A line of the service's log while the administrator wants to see what the flag stands for. */
	trace(flag: LogFlag, text: string): void {
		// There are more than the 32 bits that `&` knows.
		const isOn = Math.floor(this.#logFlags / logFlags[flag]) % 2 === 1;
		if (isOn) this.log(text);
	}

	setLogFlags(flags: number): void {
		this.#logFlags = flags;
	}

	/** A line of the service's log that carries the instance's name. */
	log(text: string): void {
		const { name, domain } = this.arguments;
		console.log(`${name}@${domain}: ${text}`);
	}

	/** From here on it answers. */
	async listen(): Promise<void> {
		const { socket } = this.arguments.webServer;
		await rm(socket, { force: true }); // Left by a process that was killed.
		this.#server.listen(socket);
		await once(this.#server, "listening");
	}

	async close(): Promise<void> {
		for (const client of this.webSockets.clients) client.terminate();
		this.#server.closeAllConnections();
		this.#server.close();
		await this.#database?.end();
	}

	/** What goes wrong with one request is told in the log, and ends no other. */
	async #serve(
		request: IncomingMessage,
		response: ServerResponse,
	): Promise<void> {
		try {
			await this.#answer(request, response);
		} catch (error) {
			this.log(`${request.method} ${request.url}: ${error}`);
			if (response.headersSent) response.destroy();
			else response.writeHead(500).end();
		}
	}

	#below(url = "/"): string {
		const { path } = this.arguments.webServer;
		return url.startsWith(path) ? `/${url.slice(path.length)}` : url;
	}
}
