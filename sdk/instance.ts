import { once } from "node:events";
import { rm } from "node:fs/promises";
import {
	createServer,
	type IncomingMessage,
	type Server,
	type ServerResponse,
} from "node:http";
import type { Pool, PoolClient } from "pg";
import { WebSocketServer } from "ws";
import { databasePool } from "./database-pool.ts";
import { StaticFiles, type StaticFilesOptions } from "./http/static-files.ts";
import { type LogFlag, logFlags } from "./log-flags.ts";
import type {
	AlarmSeverity,
	InstanceArguments,
	ToManager,
} from "./protocol.ts";

const longestMessageBytes = 1024 * 1024;
/** The web server keeps its connections for less: it must not send on one that we just close. */
const keepAliveMs = 60_000;

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
	readonly #tellManager: (message: ToManager) => void;
	#logFlags: number;
	#files: StaticFiles | undefined;
	#answer: Answer = (_request, response) => {
		response.writeHead(404).end();
	};

	constructor(
		given: InstanceArguments,
		tellManager: (message: ToManager) => void,
	) {
		this.arguments = given;
		this.#tellManager = tellManager;
		this.#logFlags = given.logFlags;
		this.#database = databasePool(given.database);
		this.#database?.on("error", (error) =>
			this.log(`lost a connection to the database: ${error.message}`),
		);
		const options = {
			keepAliveTimeout: keepAliveMs,
			// An upload may take hours; the web server cuts off who is silent.
			requestTimeout: 0,
		};
		this.#server = createServer(options, (request, response) => {
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

	/**
	 * Answers GET and HEAD with the files of a folder; what is not there goes to `onRequest`.
	 * @param folder relative to the program's.
	 * @throws Error where there is no such folder.
	 */
	async serveFiles(
		folder: string,
		options?: StaticFilesOptions,
	): Promise<void> {
		this.#files = await StaticFiles.open(folder, options);
	}

	/** All that the work does in the database, or nothing where it throws. */
	async transaction<Result>(
		work: (client: PoolClient) => Promise<Result>,
	): Promise<Result> {
		const client = await this.database.connect();
		let broken: Error | undefined;
		// The pool listens only while nobody has the connection.
		const lost = (error: Error) => {
			broken = error;
		};
		client.on("error", lost);
		try {
			await client.query("BEGIN");
			const result = await work(client);
			await client.query("COMMIT");
			return result;
		} catch (error) {
			await client.query("ROLLBACK").catch(lost);
			throw error;
		} finally {
			client.off("error", lost);
			client.release(broken);
		}
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

	/**
	 * Tells the administrator that something is wrong, until `clearAlarm`.
	 * @param code which fault of the app this is, from 0 to 65535.
	 * @param text at most 1,000 characters.
	 */
	raiseAlarm(
		code: number,
		text: string,
		severity: AlarmSeverity = "major",
	): void {
		const { name, domain } = this.arguments;
		const instance = { name, domain };
		this.#tellManager({ mt: "RaiseAlarm", code, instance, severity, text });
	}

	/** That fault is over. */
	clearAlarm(code: number): void {
		const { name, domain } = this.arguments;
		this.#tellManager({ mt: "ClearAlarm", code, instance: { name, domain } });
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
			if (!(await this.#files?.answer(request, response)))
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
