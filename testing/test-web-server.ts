import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { pino } from "pino";
import { Agent } from "undici";
import { WebSocket, WebSocketServer } from "ws";
import { LocalWebServer } from "../development/local-web-server.ts";
import { sendHaproxyCommand } from "../manager/web-server/haproxy.ts";
import { Routes } from "../manager/web-server/routes.ts";
import { until } from "./test-appliance.ts";

/** A server behind the web server: an app, or what stands for the manager. */
export interface Backend {
	http: Server;
	webSockets: WebSocketServer;
	/** Of requests that have arrived, in their order. */
	urls: string[];
}

/**
 * HAProxy with the image's configuration, the manager's routes, apps in this process, and a server that stands for the
 * manager. Clients with an address of 127.0.0.0/8 are sources of their own.
 */
export class TestWebServer {
	readonly server: LocalWebServer;
	readonly manager: Backend;
	readonly #directory: string;
	readonly #routes: Routes;
	readonly #backends: Backend[] = [];
	readonly #sockets = new Set<Socket | WebSocket>();

	private constructor(directory: string, maxConnections: number) {
		this.#directory = directory;
		this.server = new LocalWebServer(directory, join(directory, "m.sock"));
		this.server.maxConnections = maxConnections;
		this.#routes = new Routes(
			{
				adminSocket: this.#adminSocket,
				map: join(this.server.runDirectory, "haproxy/routes.map"),
				managerNamesMap: join(
					this.server.runDirectory,
					"haproxy/manager-names.map",
				),
				backend: "apps",
			},
			pino({ level: "silent" }),
		);
		// Routes of apps wait until it is known.
		this.#routes.setManagerName(null);
		this.manager = this.#serve(this.server.managerSocket, (_, response) => {
			response.end("the manager");
		});
	}

	static async start(maxConnections: number): Promise<TestWebServer> {
		const directory = await mkdtemp(join(tmpdir(), "web-server-"));
		const one = new TestWebServer(directory, maxConnections);
		await one.server.start();
		one.#routes.start();
		return one;
	}

	async remove(): Promise<void> {
		this.disconnect();
		await this.#routes.stop();
		await this.server.kill();
		for (const { http } of this.#backends) {
			http.closeAllConnections();
			http.close();
		}
		await rm(this.#directory, { recursive: true });
	}

	/** Adds an instance. @param path begins and ends with a slash. */
	async addApp(path: string, listener: RequestListener): Promise<Backend> {
		const name = `instance-${this.#backends.length}`;
		const socket = join(this.#directory, `${name}.sock`);
		const app = this.#serve(socket, listener);
		this.#routes.set({ name, path, socket });
		await until("the app answers", async () => {
			const { status } = await this.get(path, "127.0.0.1");
			return status !== 404 && status !== 503;
		});
		app.urls.length = 0;
		return app;
	}

	/** Sends a GET on a connection of its own. @throws Error without an answer within 2 s. */
	async get(
		path: string,
		localAddress: string,
		headers: Record<string, string> = {},
	) {
		const agent = new Agent({
			localAddress,
			connect: { rejectUnauthorized: false },
		});
		try {
			const {
				statusCode,
				headers: answered,
				body,
			} = await agent.request({
				...{ origin: `https://127.0.0.1:${this.server.port}`, path, headers },
				...{ method: "GET", signal: AbortSignal.timeout(2_000) },
			});
			return {
				status: statusCode,
				headers: answered,
				text: await body.text(),
			};
		} finally {
			await agent.destroy();
		}
	}

	/** Opens a TCP connection to the port of https. */
	tcp(localAddress: string, port = this.server.port): Socket {
		return this.#keep(connect({ host: "127.0.0.1", port, localAddress }));
	}

	/** Opens a TLS connection without ALPN. */
	tls(localAddress: string): TLSSocket {
		const { port } = this.server;
		return this.#keep(
			tlsConnect({
				...{ host: "127.0.0.1", port, rejectUnauthorized: false },
				// The type lacks it.
				...({ localAddress } as object),
			}),
		);
	}

	/** Opens a WebSocket. @throws Error if it is refused. */
	async webSocket(path: string, localAddress: string): Promise<WebSocket> {
		const url = `wss://127.0.0.1:${this.server.port}${path}`;
		const socket = new WebSocket(url, {
			...{ localAddress, rejectUnauthorized: false },
			perMessageDeflate: false,
		});
		await once(socket, "open");
		return this.#keep(socket);
	}

	/** Closes all connections of `tcp`, `tls` and `webSocket`. */
	disconnect(): void {
		for (const socket of this.#sockets)
			if ("terminate" in socket) socket.terminate();
			else socket.destroy();
		this.#sockets.clear();
	}

	command(command: string): Promise<string> {
		return sendHaproxyCommand(this.#adminSocket, command);
	}

	/** The connections of clients. */
	async connections(): Promise<number> {
		const stat = await this.command("show stat web 1 -1 json");
		const [frontend] = JSON.parse(stat) as {
			field: { name: string };
			value: { value: number };
		}[][];
		const current = frontend?.find(({ field }) => field.name === "scur");
		return current?.value.value ?? 0;
	}

	get #adminSocket(): string {
		return join(this.server.runDirectory, "haproxy/admin.sock");
	}

	#keep<Kept extends Socket | WebSocket>(socket: Kept): Kept {
		// A refused connection is reset.
		(socket as Socket).on("error", () => {});
		this.#sockets.add(socket);
		return socket;
	}

	#serve(socket: string, listener: RequestListener): Backend {
		const urls: string[] = [];
		const http = createServer((request, response) => {
			urls.push(request.url ?? "");
			listener(request, response);
		});
		http.on("upgrade", (request) => urls.push(request.url ?? ""));
		const webSockets = new WebSocketServer({ server: http });
		http.listen(socket);
		const backend = { http, webSockets, urls };
		this.#backends.push(backend);
		return backend;
	}
}
