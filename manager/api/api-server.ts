import cookie from "@fastify/cookie";
import websocket from "@fastify/websocket";
import { type FastifyInstance, fastify } from "fastify";
import type { Login } from "../access/login/login.ts";
import type { Tokens } from "../access/tokens/tokens.ts";
import {
	type Challenges,
	challengePath,
	serveChallenges,
} from "../device/certificate/acme/challenges.ts";
import type { OperationTable } from "../operations/operation.ts";
import type { StreamOperation } from "../operations/stream-operation.ts";
import type { Part } from "../shared/lifecycle.ts";
import type { Log } from "../shared/log.ts";
import type { ManagerAppWebsocket } from "./app-websocket/app-websocket.ts";
import { authenticateTokens } from "./bearer.ts";
import { answerErrors, serveOverHttp } from "./http.ts";
import type { ManagerOrigin } from "./manager-origin.ts";
import type { PageServer } from "./page-server.ts";
import { servePages } from "./pages.ts";
import { continueUnlessRefused, limitRequests } from "./request-limits.ts";
import { securityHeaders } from "./security-headers.ts";
import { BrowserSessions } from "./session-cookie.ts";
import { serveStreams } from "./streams.ts";
import { serveOverWebSocket } from "./websocket.ts";

const maxMessageBytes = 64 * 1024;
const requestLimits = { requestTimeoutMs: 30_000, stallTimeoutMs: 60_000 };

/** What the server gives access to. */
export interface Endpoints {
	operations: OperationTable;
	/** For files. */
	streams: readonly StreamOperation[];
	/** For the PBX and its clients. */
	appWebsocket: ManagerAppWebsocket;
	/** ACME challenges, which are served outside of `/manager`. */
	challenges: Challenges;
}

/** Serves the manager's pages and API below `/manager`. */
export class ApiServer implements Part {
	readonly name = "API server";
	readonly #pages: PageServer;
	readonly #endpoints: Endpoints;
	readonly #login: Login;
	readonly #tokens: Tokens;
	readonly #origin: ManagerOrigin;
	readonly #log: Log;
	readonly #server: FastifyInstance;

	constructor(
		pages: PageServer,
		endpoints: Endpoints,
		{
			login,
			tokens,
			origin,
		}: { login: Login; tokens: Tokens; origin: ManagerOrigin },
		log: Log,
	) {
		this.#pages = pages;
		this.#endpoints = endpoints;
		this.#login = login;
		this.#tokens = tokens;
		this.#origin = origin;
		this.#log = log;
		this.#server = createServer(pages);
	}

	async start(): Promise<void> {
		const server = this.#server;
		// JSON only: a page of another site can post text without a CORS preflight.
		server.removeContentTypeParser("text/plain");
		await server.register(cookie);
		await server.register(websocket, {
			options: { maxPayload: maxMessageBytes },
		});
		answerErrors(server, this.#log);
		limitRequests(server, requestLimits);
		continueUnlessRefused(server);
		server.addHook("onRequest", async (request, reply) => {
			reply.headers(securityHeaders);
			if (!request.url.startsWith(challengePath)) this.#origin.check(request);
		});
		await server.register(
			async (api) => {
				const { operations, streams } = this.#endpoints;
				const tokens = this.#tokens;
				const sessions = new BrowserSessions(this.#login, this.#origin);
				authenticateTokens(api, tokens);
				serveOverHttp(api, { operations, streams }, sessions);
				serveOverWebSocket(api, operations, {
					sessions,
					tokens,
					log: this.#log,
				});
				serveStreams(api, streams, sessions);
			},
			{ prefix: "/manager/api" },
		);
		serveChallenges(server, this.#endpoints.challenges);
		servePages(server, this.#endpoints.appWebsocket, this.#origin);
		const address = await this.#pages.listening;
		await server.ready();
		this.#pages.takeOver(server.routing);
		this.#log.info({ address }, "listening");
	}

	async stop(): Promise<void> {
		await this.#server.close();
		await this.#pages.close();
	}
}

function createServer({ server, address }: PageServer): FastifyInstance {
	return fastify({
		bodyLimit: maxMessageBytes,
		serverFactory: () => server,
		// Requests on the UNIX socket come from our web server, which appends the client's address
		// to X-Forwarded-For. On loopback the header may be forged.
		trustProxy:
			address.kind === "socket" ? (_address, hop) => hop === 0 : false,
		// Keeps Fastify from loading its own validators, which take some MB.
		schemaController: {
			compilersFactory: { buildValidator: unused, buildSerializer: unused },
		},
	});
}

function unused(): never {
	throw new Error("Operations check their input themselves");
}
