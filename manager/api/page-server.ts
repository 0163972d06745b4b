import {
	createServer,
	type IncomingMessage,
	type RequestListener,
	type Server,
	type ServerResponse,
} from "node:http";
import type { ListenAddress } from "../environment/listen-address.ts";
import { listen } from "./listen.ts";
import { cacheControlOf } from "./pages.ts";
import { securityHeaders } from "./security-headers.ts";

/**
 * The manager's HTTP server. Serves the pages while everything else is loaded, which takes seconds on a small machine.
 * Other requests wait until the API server takes over.
 */
export class PageServer {
	readonly server: Server;
	readonly address: ListenAddress;
	/** Resolves to the address, or rejects if another manager already listens there. */
	readonly listening: Promise<string>;
	readonly #port: string;
	#handler: RequestListener | undefined;
	readonly #waiting: [IncomingMessage, ServerResponse][] = [];

	/** @param port the web server's port that serves the manager alone. */
	constructor(address: ListenAddress, port: string) {
		this.address = address;
		this.#port = port;
		this.server = createServer(
			// HAProxy keeps idle connections shorter.
			{ keepAliveTimeout: 72_000, requestTimeout: 0 },
			(request, response) => this.#answer(request, response),
		);
		this.listening = listen(this.server, address);
	}

	/** Passes all requests to the handler, beginning with those that wait. */
	takeOver(handler: RequestListener): void {
		this.#handler = handler;
		for (const [request, response] of this.#waiting.splice(0))
			handler(request, response);
	}

	async close(): Promise<void> {
		await this.listening.catch(() => {});
		const closed = new Promise((resolve) => this.server.close(resolve));
		this.server.closeAllConnections();
		await closed;
	}

	/** Whether other ports lead to the pages is decided by a setting, which is not loaded yet. */
	#pageFor({ method, headers, url }: IncomingMessage) {
		if (method !== "GET" || headers.upgrade !== undefined) return undefined;
		const port = headers["x-forwarded-port"];
		if (port !== undefined && port !== this.#port) return undefined;
		return WEB_FILES.find(({ name }) => url === `/manager/${name}`);
	}

	#answer(request: IncomingMessage, response: ServerResponse): void {
		if (this.#handler) {
			this.#handler(request, response);
			return;
		}
		const page = this.#pageFor(request);
		if (page === undefined) {
			this.#waiting.push([request, response]);
			return;
		}
		response.writeHead(200, {
			...securityHeaders,
			...cacheControlOf(page.name),
			"content-type": page.type,
		});
		response.end(page.content);
	}
}
