import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import * as z from "zod";
import type { Login } from "../access/login/login.ts";
import type { Tokens } from "../access/tokens/tokens.ts";
import type { Caller } from "../operations/caller.ts";
import type { OperationTable } from "../operations/operation.ts";
import type { Log } from "../shared/log.ts";
import { OperationError } from "../shared/operation-error.ts";
import { bearerToken } from "./bearer.ts";
import { callOperation, describeFailure } from "./call.ts";
import { sessionToken } from "./session-cookie.ts";

const callMessage = z.strictObject({
	id: z.int(),
	operation: z.string().max(100),
	input: z.unknown().default({}),
});

/** Close codes for applications are 4000 to 4999; these resemble HTTP status codes. */
const badMessage = 4400;
const sessionEnded = 4401;

/**
 * Serves the operations as messages on `/ws`, for pages that stay open.
 * `{id, operation, input}` is answered by `{id, output}` or `{id, error: {code, message}}`.
 */
export function serveOverWebSocket(
	api: FastifyInstance,
	operations: OperationTable,
	{ login, tokens, log }: { login: Login; tokens: Tokens; log: Log },
): void {
	api.route({
		method: "GET",
		url: "/ws",
		preValidation: async (request) => {
			if (!request.token && !findSession(request))
				throw new OperationError(
					"unauthenticated",
					"loginRequired",
					"Please log in",
				);
		},
		handler: (_request, reply) =>
			reply.code(426).header("upgrade", "websocket").send(),
		wsHandler: (socket, request) => {
			if (request.token)
				socket.on(
					"close",
					tokens.onInvalid(request.token, () => end(socket)),
				);
			socket.on("error", (error) =>
				log.debug({ err: error }, "WebSocket connection failed"),
			);
			socket.on("message", (data, isBinary) => {
				const call = isBinary ? undefined : parseCall(String(data));
				if (call === undefined)
					return socket.close(badMessage, "not a JSON call");
				void answer(socket, request, call);
			});
		},
	});

	function findSession(request: FastifyRequest) {
		return login.findSession(sessionToken(request), request.ip);
	}

	/** Called for each message: the session or token may have expired or ended since. */
	async function findCaller(
		request: FastifyRequest,
	): Promise<Caller | undefined> {
		const bearer = bearerToken(request);
		const token = bearer === undefined ? undefined : await tokens.find(bearer);
		const session = bearer === undefined ? findSession(request) : undefined;
		if (!token && !session) return undefined;
		return { address: request.ip, token, session, keepToken: () => {} };
	}

	async function answer(
		socket: WebSocket,
		request: FastifyRequest,
		{ id, operation, input }: z.output<typeof callMessage>,
	): Promise<void> {
		const send = (answer: object) => socket.send(JSON.stringify(answer));
		try {
			const caller = await findCaller(request);
			if (!caller) return end(socket);
			send({
				id,
				output: await callOperation(
					operations,
					operation,
					input,
					caller,
					"webSocket",
				),
			});
		} catch (error) {
			send({ id, error: describeFailure(error, log).error });
		}
	}
}

function end(socket: WebSocket): void {
	socket.close(sessionEnded, "session or token has ended");
}

function parseCall(text: string): z.output<typeof callMessage> | undefined {
	try {
		return callMessage.safeParse(JSON.parse(text)).data;
	} catch {
		return undefined;
	}
}
