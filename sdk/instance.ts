import { once } from "node:events";
import { rm } from "node:fs/promises";
import {
	createServer,
	type IncomingMessage,
	type Server,
	type ServerResponse,
} from "node:http";
import { Pool, type PoolClient, type PoolConfig } from "pg";
import { WebSocketServer } from "ws";
import { guessSources } from "./app-websocket/session.ts";
import { DatabaseStream } from "./database-stream.ts";
import { GuessLimiter } from "./guess-limiter.ts";
import { StaticFiles, type StaticFilesOptions } from "./http/static-files.ts";
import { type LogFlag, logFlags } from "./log-flags.ts";
import type {
	AlarmSeverity,
	InstanceArguments,
	ToManager,
} from "./protocol.ts";

const maxMessageBytes = 1024 * 1024;
const maxDatabaseConnections = 2;
const connectTimeoutMs = 15_000;
/** Longer than the web server keeps idle connections, so that it never sends on one that is being closed. */
const keepAliveMs = 60_000;

/** Answers a request; if it throws, the answer is 500. */
export type Answer = (
	request: IncomingMessage,
	response: ServerResponse,
) => Promise<void> | void;

/** One instance of the service: its database, its path, its settings. */
export class AppInstance {
	readonly arguments: Readonly<InstanceArguments>;
	readonly #database: Pool | undefined;
	/** Emits `connection` for WebSockets at or below the instance's path. */
	readonly webSockets = new WebSocketServer({
		noServer: true,
		maxPayload: maxMessageBytes,
	});
	/** Limits guesses of the instance's password. */
	readonly guesses = new GuessLimiter();
	readonly #server: Server;
	readonly #sendToManager: (message: ToManager) => void;
	#logFlags: number;
	#files: StaticFiles | undefined;
	#answer: Answer = (_request, response) => {
		response.writeHead(404).end();
	};

	constructor(
		given: InstanceArguments,
		sendToManager: (message: ToManager) => void,
	) {
		this.arguments = given;
		this.#sendToManager = sendToManager;
		this.#logFlags = given.logFlags;
		this.#database = databasePool(given.database);
		this.#database?.on("error", (error) =>
			this.log(`database connection lost: ${error.message}`),
		);
		const options = {
			keepAliveTimeout: keepAliveMs,
			// An upload may take hours; the web server disconnects idle clients.
			requestTimeout: 0,
		};
		this.#server = createServer(options, (request, response) => {
			request.url = this.#relativeUrl(request.url);
			void this.#serve(request, response);
		});
		this.#server.on("upgrade", (request, socket, head) => {
			request.url = this.#relativeUrl(request.url);
			socket.on("error", () => {}); // `close` follows.
			this.webSockets.handleUpgrade(request, socket, head, (webSocket) => {
				webSocket.on("error", () => {});
				const address = request.headers["x-forwarded-for"]?.toString();
				guessSources.set(webSocket, { limiter: this.guesses, address });
				this.webSockets.emit("connection", webSocket, request);
			});
		});
	}

	/**
	 * A connection pool to the instance's own database.
	 * @throws Error if the database is MySQL: an app that supports MySQL connects by itself, with
	 * `arguments.database`.
	 */
	get database(): Pool {
		if (!this.#database)
			throw new Error("This app needs PostgreSQL, but its database is MySQL");
		return this.#database;
	}

	/** Sets the handler of requests; their `url` is relative to the instance's path. */
	onRequest(answer: Answer): void {
		this.#answer = answer;
	}

	/**
	 * Answers GET and HEAD with the files of a directory; other requests go to `onRequest`.
	 * @param directory relative to the directory of the app's program.
	 * @throws Error if the directory does not exist.
	 */
	async serveFiles(
		directory: string,
		options?: StaticFilesOptions,
	): Promise<void> {
		this.#files = await StaticFiles.open(directory, options);
	}

	/** Runs the work in a database transaction, which is rolled back if the work throws. */
	async transaction<Result>(
		work: (client: PoolClient) => Promise<Result>,
	): Promise<Result> {
		const client = await this.database.connect();
		let broken: Error | undefined;
		// The pool listens for errors only on idle connections.
		const onError = (error: Error) => {
			broken = error;
		};
		client.on("error", onError);
		try {
			await client.query("BEGIN");
			const result = await work(client);
			await client.query("COMMIT");
			return result;
		} catch (error) {
			await client.query("ROLLBACK").catch(onError);
			throw error;
		} finally {
			client.off("error", onError);
			client.release(broken);
		}
	}

	/** Writes a line to the service's log if the administrator has enabled the flag. */
	trace(flag: LogFlag, text: string): void {
		// `&` works on 32 bits only; there are 34 flags.
		const isOn = Math.floor(this.#logFlags / logFlags[flag]) % 2 === 1;
		if (isOn) this.log(text);
	}

	setLogFlags(flags: number): void {
		this.#logFlags = flags;
	}

	/** Writes a line with the instance's name to the service's log. */
	log(text: string): void {
		const { name, domain } = this.arguments;
		console.log(`${name}@${domain}: ${text}`);
	}

	/**
	 * Shows the administrator an alarm until `clearAlarm`.
	 * @param code identifies the fault within the app: 0 to 65535.
	 * @param text at most 1,000 characters.
	 */
	raiseAlarm(
		code: number,
		text: string,
		severity: AlarmSeverity = "major",
	): void {
		const { name, domain } = this.arguments;
		const instance = { name, domain };
		this.#sendToManager({ mt: "RaiseAlarm", code, instance, severity, text });
	}

	/** Clears the alarm of a fault. */
	clearAlarm(code: number): void {
		const { name, domain } = this.arguments;
		this.#sendToManager({ mt: "ClearAlarm", code, instance: { name, domain } });
	}

	/** Starts to answer requests. */
	async listen(): Promise<void> {
		const { socket } = this.arguments.webServer;
		await rm(socket, { force: true }); // A killed process may have left it.
		this.#server.listen(socket);
		await once(this.#server, "listening");
	}

	async close(): Promise<void> {
		for (const client of this.webSockets.clients) client.terminate();
		this.#server.closeAllConnections();
		this.#server.close();
		await this.#database?.end();
	}

	/** Logs the error of a failed request; other requests are not affected. */
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

	/** @returns the URL below the instance's path. */
	#relativeUrl(url = "/"): string {
		const { path } = this.arguments.webServer;
		return url.startsWith(path) ? `/${url.slice(path.length)}` : url;
	}
}

/** @returns undefined if the database is MySQL. */
function databasePool(
	database: InstanceArguments["database"],
): Pool | undefined {
	const { host, port, kind, tls, name, user, password } = database;
	if (kind === "mysql") return undefined;
	const config: PoolConfig = {
		...{ host, database: name, user, password },
		max: maxDatabaseConnections,
	};
	// Without a port, `host` is the directory of a local UNIX socket.
	if (port === undefined || tls === undefined) return new Pool(config);
	return new Pool({
		...config,
		port,
		ssl: false, // DatabaseStream does TLS.
		stream: () => new DatabaseStream({ host, port, tls }),
		connectionTimeoutMillis: connectTimeoutMs,
	});
}
