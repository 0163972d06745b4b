import cookie from "@fastify/cookie";
import websocket from "@fastify/websocket";
import { type FastifyInstance, fastify } from "fastify";
import type { Login } from "../access/login/login.ts";
import type { Tokens } from "../access/tokens/tokens.ts";
import {
	type Challenges,
	serveChallenges,
} from "../device/certificate/acme/challenges.ts";
import type { ListenAddress } from "../environment/environment.ts";
import type { OperationTable } from "../operations/operation.ts";
import type { StreamOperation } from "../operations/stream-operation.ts";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import { OperationError } from "../shared/operation-error.ts";
import type { ManagerAppWebsocket } from "./app-websocket/app-websocket.ts";
import { recognizeTokens } from "./bearer.ts";
import { explainErrors, serveOverHttp } from "./http.ts";
import { listen } from "./listen.ts";
import { isOwnOrigin } from "./origin.ts";
import { servePages } from "./pages.ts";
import { continueUnlessRefused, limitRequests } from "./request-limits.ts";
import { securityHeaders } from "./security-headers.ts";
import { serveStreams } from "./streams.ts";
import { serveOverWebSocket } from "./websocket.ts";

const largestMessageBytes = 64 * 1024;
const requestLimits = { requestMs: 30_000, stallMs: 60_000 };

/** What the API gives access to. */
export interface Offers {
	operations: OperationTable;
	/** For files. */
	streams: readonly StreamOperation[];
	/** The API for PBX and clients. */
	appWebsocket: ManagerAppWebsocket;
	/** Of authorities, which ask outside of `/manager`. */
	challenges: Challenges;
}

/** The manager's pages and its API, below `/manager`. */
export class WebServer implements Part {
	readonly name = "web server";
	readonly #address: ListenAddress;
	readonly #offers: Offers;
	readonly #login: Login;
	readonly #tokens: Tokens;
	readonly #log: Log;
	readonly #server: FastifyInstance;

	constructor(
		address: ListenAddress,
		offers: Offers,
		{ login, tokens }: { login: Login; tokens: Tokens },
		log: Log,
	) {
		this.#address = address;
		this.#offers = offers;
		this.#login = login;
		this.#tokens = tokens;
		this.#log = log;
		this.#server = createServer(address);
	}

	async start(): Promise<void> {
		const server = this.#server;
		// JSON only: a page of another site can post text without asking.
		server.removeContentTypeParser("text/plain");
		await server.register(cookie);
		await server.register(websocket, {
			options: { maxPayload: largestMessageBytes },
		});
		explainErrors(server, this.#log);
		limitRequests(server, requestLimits);
		continueUnlessRefused(server);
		server.addHook("onRequest", async (request, reply) => {
			reply.headers(securityHeaders);
			const reads = request.method === "GET" || request.method === "HEAD";
			if (reads && !request.ws) return;
			if (!isOwnOrigin(request.headers.origin, request.headers.host))
				throw new OperationError(
					"forbidden",
					"wrongOrigin",
					"Not from this page",
				);
		});
		await server.register(
			async (api) => {
				const { operations, streams } = this.#offers;
				const login = this.#login;
				const tokens = this.#tokens;
				recognizeTokens(api, tokens);
				serveOverHttp(api, { operations, streams }, login);
				serveOverWebSocket(api, operations, { login, tokens, log: this.#log });
				serveStreams(api, streams, login);
			},
			{ prefix: "/manager/api" },
		);
		serveChallenges(server, this.#offers.challenges);
		servePages(server, this.#offers.appWebsocket);
		const address = await listen(server, this.#address);
		this.#log.info({ address }, "listening");
	}

	async stop(): Promise<void> {
		await this.#server.close();
	}
}

function createServer(address: ListenAddress): FastifyInstance {
	return fastify({
		bodyLimit: largestMessageBytes,
		forceCloseConnections: true,
		// Behind the UNIX socket stands our web server: the last address in X-Forwarded-For is
		// what it saw. On loopback anybody could have written the header.
		trustProxy:
			address.kind === "socket" ? (_address, hop) => hop === 0 : false,
		// Without this Fastify loads validators of its own, which take some MB.
		schemaController: {
			compilersFactory: { buildValidator: unused, buildSerializer: unused },
		},
	});
}

function unused(): never {
	throw new Error("Operations check their input themselves");
}
