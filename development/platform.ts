import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import pretty from "pino-pretty";
import { onExit } from "signal-exit";
import { Agent, request } from "undici";
import { targetNames } from "../board/target.ts";
import { bundleManager } from "../manager/bundle.ts";
import {
	startTemporaryCluster,
	type TemporaryCluster,
} from "../manager/database/temporary-cluster.ts";
import { LocalWebServer } from "./local-web-server.ts";
import { appDirectoriesIn, makeStore } from "./make-store.ts";

const here = import.meta.dirname;
const unsupportedCommand = join(here, "unsupported-command.sh");
const reserveBytes = 1024 * 1024;

/** The platform on this machine, without an image and without root. */
export class Platform {
	/** The directory for the appliance's data partition. */
	readonly data: string;
	/** Temporary files: programs, sockets, the store. */
	readonly #directory: string;
	readonly #cluster: TemporaryCluster;
	readonly #webServer: LocalWebServer;
	readonly #manager: ChildProcess;
	readonly #agent: Agent;
	/** Resolves when the manager has exited. */
	readonly exited: Promise<unknown>;

	private constructor(
		directory: string,
		data: string,
		cluster: TemporaryCluster,
		webServer: LocalWebServer,
		manager: ChildProcess,
	) {
		this.#directory = directory;
		this.data = data;
		this.#cluster = cluster;
		this.#webServer = webServer;
		this.#manager = manager;
		this.exited = once(manager, "exit");
		this.#agent = new Agent({
			connect: { socketPath: webServer.managerSocket },
			headersTimeout: 0,
		});
	}

	/**
	 * Starts PostgreSQL, HAProxy with the image's configuration, and the manager with a store of the example apps.
	 * The manager's log goes to standard output.
	 * @param port of the apps for HTTPS, on loopback. @param managerPort of the manager.
	 * @param persistentDirectory keeps databases and settings for the next start; without it, they are deleted.
	 */
	static async start(
		port: number,
		managerPort: number,
		persistentDirectory?: string,
	): Promise<Platform> {
		const directory = await mkdtemp(join(tmpdir(), "app-platform-manager-"));
		const data = join(persistentDirectory ?? directory, "data");
		await mkdir(data, { recursive: true });
		const socket = join(directory, "manager.sock");
		const webServer = new LocalWebServer(directory, socket, data);
		webServer.port = port;
		webServer.managerPort = managerPort;
		const remove = () => rm(directory, { recursive: true });
		const cluster = await startTemporaryCluster(
			{},
			persistentDirectory && join(persistentDirectory, "postgresql"),
		).catch(async (error) => {
			await remove();
			throw error;
		});
		try {
			const program = join(directory, "manager");
			const store = join(directory, "store");
			await Promise.all([
				bundleManager({
					outputFile: program,
					version: "development",
					build: 0,
					targetNames,
				}),
				appDirectoriesIn(join(here, "../apps")).then((apps) =>
					makeStore(apps, store),
				),
			]);
			await webServer.start();
			const manager = await startManager(program, {
				MANAGER_APP_QUOTAS_COMMAND: unsupportedCommand,
				MANAGER_BOOT_PARTITION_COMMAND: unsupportedCommand,
				MANAGER_CERTIFICATE_COMMAND: join(here, "certificate.sh"),
				MANAGER_CREATE_RESERVE_COMMAND: join(here, "create-reserve.sh"),
				MANAGER_DATA_DIRECTORY: data,
				MANAGER_RELEASE_FILE: join(directory, "release"),
				MANAGER_RESERVE_BYTES: String(reserveBytes),
				MANAGER_RESTART_COMMAND: unsupportedCommand,
				MANAGER_RUN_APP_COMMAND: join(here, "run-app.sh"),
				...webServer.environment,
				MANAGER_SET_PASSWORDS_COMMAND: unsupportedCommand,
				MANAGER_SOCKET: socket,
				MANAGER_SOCKET_GROUP: "",
				MANAGER_STORE_URL: store,
				PGHOST: cluster.host,
			});
			return new Platform(directory, data, cluster, webServer, manager);
		} catch (error) {
			await webServer.kill();
			await cluster.remove();
			await remove();
			throw error;
		}
	}

	/** The origin of the apps. */
	get address(): string {
		return `https://localhost:${this.#webServer.port}`;
	}

	/** The origin of the manager. */
	get managerAddress(): string {
		return `https://localhost:${this.#webServer.managerPort}`;
	}

	/** Logs in. @returns functions that call an operation; they throw an Error with the message of a failure. */
	async logIn(password: string) {
		const { cookie } = await this.#post("login", { password });
		return {
			call: async <Answer>(operation: string, input: object = {}) =>
				(await this.#post(operation, input, cookie)).answer as Answer,
			upload: (operation: string, archive: Readable) =>
				this.#post(operation, archive, cookie),
		};
	}

	async #post(operation: string, input: object | Readable, cookie = "") {
		const isUpload = "pipe" in input;
		const { statusCode, headers, body } = await request(
			`http://localhost/manager/api/${operation}`,
			{
				dispatcher: this.#agent,
				method: "POST",
				headers: {
					cookie,
					// As set by the web server for a browser on this machine.
					"x-forwarded-for": "127.0.0.1",
					"x-forwarded-port": String(this.#webServer.managerPort),
					"content-type": isUpload ? "application/x-tar" : "application/json",
				},
				body: isUpload ? (input as Readable) : JSON.stringify(input),
			},
		);
		const answer = (await body.json()) as { error?: { message: string } };
		if (statusCode !== 200)
			throw new Error(answer.error?.message ?? `${operation}: ${statusCode}`);
		const [session = ""] = String(headers["set-cookie"]).split(";");
		return { answer: answer as unknown, cookie: session };
	}

	/** Stops everything. @returns the manager's exit code. */
	async stop(): Promise<number> {
		this.#manager.kill("SIGTERM");
		await this.exited;
		await this.#agent.destroy();
		await this.#webServer.kill();
		await this.#cluster.remove();
		await rm(this.#directory, { recursive: true });
		return this.#manager.exitCode ?? 1;
	}
}

/** Resolves when the database of the manager is ready. */
async function startManager(
	program: string,
	environment: NodeJS.ProcessEnv,
): Promise<ChildProcess> {
	// In its own process group: Ctrl-C must not reach it directly, so that it stops before PostgreSQL.
	const manager = spawn(program, {
		stdio: ["ignore", "pipe", "inherit"],
		detached: true,
		env: { ...process.env, ...environment },
	});
	const removeExitHandler = onExit(() => void manager.kill("SIGKILL"));
	manager.once("exit", removeExitHandler);
	manager.stdout.pipe(
		pretty({ translateTime: "SYS:HH:MM:ss", singleLine: true, sync: true }),
	);
	const lines = createInterface({ input: manager.stdout });
	const ready = new Promise<void>((resolve) => {
		lines.on("line", (line) => {
			if (line.includes('"the database is ready"')) resolve();
		});
	});
	const failed = once(manager, "exit").then(() => {
		throw new Error("The manager has exited: see its log above");
	});
	await Promise.race([ready, failed]);
	failed.catch(() => {}); // From now on an exit is expected.
	return manager;
}
