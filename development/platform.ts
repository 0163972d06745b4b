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
import { bundleManager } from "../manager/bundle.ts";
import {
	startTemporaryCluster,
	type TemporaryCluster,
} from "../manager/data/database/temporary-cluster.ts";
import { appFoldersIn, makeStore } from "./make-store.ts";
import { LocalWebServer } from "./web-server.ts";

const here = import.meta.dirname;
const makeCertificate = join(
	here,
	"../rootfs-overlay/usr/lib/app-platform/make-certificate",
);
const notHere = join(here, "not-here.sh");
const reserveBytes = 1024 * 1024;

/** The platform on this machine, without an image and without root. */
export class Platform {
	/** What is on the appliance's data partition. */
	readonly data: string;
	/** For what each start makes: programs, sockets, the store. */
	readonly #folder: string;
	readonly #cluster: TemporaryCluster;
	readonly #webServer: LocalWebServer;
	readonly #manager: ChildProcess;
	readonly #agent: Agent;
	/** Settled when the manager has ended, wanted or not. */
	readonly ended: Promise<unknown>;

	private constructor(
		folder: string,
		data: string,
		cluster: TemporaryCluster,
		webServer: LocalWebServer,
		manager: ChildProcess,
	) {
		this.#folder = folder;
		this.data = data;
		this.#cluster = cluster;
		this.#webServer = webServer;
		this.#manager = manager;
		this.ended = once(manager, "exit");
		this.#agent = new Agent({
			connect: { socketPath: webServer.managerSocket },
			headersTimeout: 0,
		});
	}

	/**
	 * Starts PostgreSQL, HAProxy with the image's configuration, and the manager, whose store has the example apps.
	 * Its log goes to standard output.
	 * @param port of HTTPS, on loopback.
	 * @param keptIn a folder that keeps databases and settings for the next start; without it, nothing stays.
	 */
	static async start(port: number, keptIn?: string): Promise<Platform> {
		const folder = await mkdtemp(join(tmpdir(), "app-platform-manager-"));
		const data = join(keptIn ?? folder, "data");
		await mkdir(data, { recursive: true });
		const socket = join(folder, "manager.sock");
		const webServer = new LocalWebServer(folder, socket, data);
		webServer.port = port;
		const remove = () => rm(folder, { recursive: true });
		const cluster = await startTemporaryCluster(
			{},
			keptIn && join(keptIn, "postgresql"),
		).catch(async (error) => {
			await remove();
			throw error;
		});
		try {
			const program = join(folder, "manager");
			const store = join(folder, "store");
			await Promise.all([
				bundleManager({
					outputFile: program,
					version: "development",
					build: 0,
				}),
				appFoldersIn(join(here, "../apps")).then((apps) =>
					makeStore(apps, store),
				),
			]);
			await webServer.start();
			const manager = await startManager(program, {
				MANAGER_BOOT_PARTITION_COMMAND: notHere,
				MANAGER_DATA_DIRECTORY: data,
				MANAGER_MAKE_CERTIFICATE_COMMAND: makeCertificate,
				MANAGER_RELEASE_FILE: join(folder, "release"),
				MANAGER_RESERVE_BYTES: String(reserveBytes),
				MANAGER_RESTART_COMMAND: notHere,
				MANAGER_RUN_APP_COMMAND: join(here, "run-app.sh"),
				MANAGER_RUN_FOLDER: webServer.runFolder,
				MANAGER_SET_PASSWORDS_COMMAND: notHere,
				MANAGER_SOCKET: socket,
				MANAGER_SOCKET_GROUP: "",
				MANAGER_STORE_URL: store,
				PGHOST: cluster.host,
				PGUSER: cluster.user,
			});
			return new Platform(folder, data, cluster, webServer, manager);
		} catch (error) {
			await webServer.kill();
			await cluster.remove();
			await remove();
			throw error;
		}
	}

	/** Of the web server. */
	get address(): string {
		return `https://localhost:${this.#webServer.port}`;
	}

	/** Logs in. @returns what calls an operation, which throws an Error with the refusal's words. */
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
					// As the web server tells it of a browser on this machine.
					"x-forwarded-for": "127.0.0.1",
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

	/** Ends all of it. @returns the manager's exit code. */
	async stop(): Promise<number> {
		this.#manager.kill("SIGTERM");
		await this.ended;
		await this.#agent.destroy();
		await this.#webServer.kill();
		await this.#cluster.remove();
		await rm(this.#folder, { recursive: true });
		return this.#manager.exitCode ?? 1;
	}
}

/** @returns once its database is ready. */
async function startManager(
	program: string,
	settings: NodeJS.ProcessEnv,
): Promise<ChildProcess> {
	// In a group of its own, so that Ctrl-C reaches it from here alone, before PostgreSQL.
	const manager = spawn(program, {
		stdio: ["ignore", "pipe", "inherit"],
		detached: true,
		env: { ...process.env, ...settings },
	});
	const forget = onExit(() => void manager.kill("SIGKILL"));
	manager.once("exit", forget);
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
		throw new Error("The manager has ended: its log above says why");
	});
	await Promise.race([ready, failed]);
	failed.catch(() => {}); // From now on an exit is wanted.
	return manager;
}
