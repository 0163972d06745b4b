import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Client } from "pg";
import { onExit } from "signal-exit";
import { Agent, request } from "undici";
import { WebSocket } from "ws";
import { targetNames } from "../development/make-store.ts";
import { bundleManager } from "../manager/bundle.ts";
import {
	startTemporaryCluster,
	type TemporaryCluster,
} from "../manager/database/temporary-cluster.ts";

const logTimeoutMs = 60_000;
const unsupportedCommand = join(
	import.meta.dirname,
	"../development/unsupported-command.sh",
);

/** A line of the manager's log. */
interface LogLine {
	level: string;
	msg: string;
	[field: string]: unknown;
}

/** The answer of an operation. */
export interface Answer {
	status: number;
	headers: Record<string, string | string[] | undefined>;
	// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
	body: any;
}

/** The sender of a request. */
export interface Sender {
	/** The X-Forwarded-For header that the web server would send. */
	address?: string;
	/** The port of the web server that it was sent to; the manager's by default. */
	port?: number;
	/** A Cookie header. */
	cookie?: string;
	headers?: Record<string, string>;
}

/**
 * The bundled manager as a separate process, alone in an empty directory, behind a UNIX
 * socket as on an appliance, with its own PostgreSQL.
 */
export class TestManager {
	readonly directory: string;
	readonly cluster: TemporaryCluster;
	readonly socket: string;
	/** The web server's port that serves the manager alone. */
	port = 444;
	readonly #agent: Agent;
	#process: ChildProcess | undefined;
	/** The log since the last start. */
	lines: LogLine[] = [];
	#onLine: () => void = () => {};

	private constructor(directory: string, cluster: TemporaryCluster) {
		this.directory = directory;
		this.cluster = cluster;
		this.socket = join(directory, "run", "manager.sock");
		this.#agent = new Agent({ connect: { socketPath: this.socket } });
	}

	/**
	 * Bundles the manager and starts PostgreSQL; `start` starts the manager itself.
	 * @param settings additional settings of PostgreSQL.
	 */
	static async create(
		settings: Record<string, string> = {},
	): Promise<TestManager> {
		const directory = await mkdtemp(join(tmpdir(), "app-platform-test-"));
		// The users of services need access to its subdirectories.
		await chmod(directory, 0o711);
		await mkdir(join(directory, "data"));
		const outputFile = join(directory, "manager");
		await bundleManager({
			outputFile,
			version: "1.2.3",
			build: 42,
			targetNames,
		});
		return new TestManager(directory, await startTemporaryCluster(settings));
	}

	/**
	 * Starts the manager and waits for a log message.
	 * @param environment additional environment.
	 */
	async start(
		message = "the database is ready",
		environment: NodeJS.ProcessEnv = {},
	): Promise<void> {
		this.lines = [];
		const child = spawn(join(this.directory, "manager"), {
			cwd: this.directory,
			stdio: ["ignore", "pipe", "inherit"],
			env: {
				PATH: process.env.PATH,
				MANAGER_CERTIFICATE_COMMAND: join(
					import.meta.dirname,
					"../development/certificate.sh",
				),
				MANAGER_CREATE_RESERVE_COMMAND: join(
					import.meta.dirname,
					"../development/create-reserve.sh",
				),
				MANAGER_DATA_DIRECTORY: join(this.directory, "data"),
				MANAGER_RELEASE_FILE: join(this.directory, "release"),
				MANAGER_RUN_APP_COMMAND: join(
					import.meta.dirname,
					"../development/run-app.sh",
				),
				MANAGER_RESERVE_BYTES: String(1024 * 1024),
				MANAGER_APP_QUOTAS_COMMAND: unsupportedCommand,
				MANAGER_BOOT_PARTITION_COMMAND: unsupportedCommand,
				MANAGER_SOCKET: this.socket,
				MANAGER_SOCKET_GROUP: "",
				MANAGER_WEB_PORT: String(this.port),
				PGHOST: this.cluster.host,
				...environment,
			},
		});
		this.#process = child;
		const removeListener = onExit(() => void child.kill("SIGKILL"));
		child.once("exit", removeListener);
		createInterface({ input: child.stdout }).on("line", (line) => {
			this.lines.push(JSON.parse(line));
			this.#onLine();
		});
		await this.logged(message);
	}

	/** Waits for a log message since the last start. */
	async logged(message: string): Promise<LogLine> {
		const limit = AbortSignal.timeout(logTimeoutMs);
		return new Promise((resolve, reject) => {
			limit.addEventListener("abort", () =>
				reject(
					new Error(
						`"${message}" was not logged:\n${JSON.stringify(this.lines)}`,
					),
				),
			);
			this.#onLine = () => {
				const line = this.lines.find(({ msg }) => msg === message);
				if (line) resolve(line);
			};
			this.#onLine();
		});
	}

	/** Runs a statement in the manager's database, as `psql -d manager` does. @returns the rows. */
	async query(statement: string) {
		const { host, user } = this.cluster;
		const client = new Client({ host, user, database: "manager" });
		await client.connect();
		const { rows } = await client.query(statement);
		await client.end();
		return rows;
	}

	/** @returns the exit code. */
	async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
		const child = this.#process;
		if (child === undefined || child.exitCode !== null) return null;
		const exited = once(child, "exit");
		child.kill(signal);
		const [code] = await exited;
		return code;
	}

	async remove(): Promise<void> {
		await this.stop();
		await this.#agent.close();
		await this.cluster.remove();
		await rm(this.directory, { recursive: true });
	}

	async get(path: string, from: Sender = {}): Promise<Answer> {
		return this.#request(path, { method: "GET", headers: this.#headers(from) });
	}

	/** Calls an operation over HTTP. */
	async call(
		operation: string,
		input: unknown = {},
		from: Sender = {},
	): Promise<Answer> {
		return this.post(operation, JSON.stringify(input), from);
	}

	/** Posts a body unchanged. */
	async post(
		operation: string,
		body: string | Buffer | Readable,
		from: Sender,
	): Promise<Answer> {
		return this.#request(`/manager/api/${operation}`, {
			method: "POST",
			body,
			headers: {
				"content-type": "application/json",
				...this.#headers(from),
			},
		});
	}

	/** The headers that the web server would set, and those of the sender. */
	#headers({
		address = "192.168.0.10",
		port = this.port,
		cookie,
		headers,
	}: Sender): Record<string, string> {
		return {
			"x-forwarded-for": address,
			"x-forwarded-port": String(port),
			"x-forwarded-server": "192.168.0.1",
			...(cookie && { cookie }),
			...headers,
		};
	}

	/** Logs in. @returns the Cookie header. */
	async logIn(password = "pwd", address?: string): Promise<string> {
		const from = address === undefined ? {} : { address };
		const answer = await this.call("login", { password }, from);
		if (answer.status !== 200)
			throw new Error(`Login was refused: ${JSON.stringify(answer.body)}`);
		return String(answer.headers["set-cookie"]).split(";")[0] ?? "";
	}

	webSocket(
		headers: Record<string, string>,
		path = "/manager/api/ws",
	): WebSocket {
		return new WebSocket(`ws+unix:${this.socket}:${path}`, {
			headers: {
				host: "localhost",
				...this.#headers({ headers }),
			},
		});
	}

	async #request(
		path: string,
		options: {
			method: "GET" | "POST";
			body?: string | Buffer | Readable;
			headers?: Record<string, string>;
		},
	): Promise<Answer> {
		const { statusCode, headers, body } = await request(
			`http://localhost${path}`,
			{ ...options, dispatcher: this.#agent },
		);
		const text = await body.text();
		const isJson = String(headers["content-type"]).includes("json");
		return {
			status: statusCode,
			headers,
			body: isJson ? JSON.parse(text) : text,
		};
	}
}
