import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import * as z from "zod";
import type { Log } from "../log/log.ts";
import type { Login } from "../login/login.ts";
import { sessionToken } from "../login/session-cookie.ts";
import { callOperation, describeFailure } from "./call.ts";
import { OperationError, type OperationTable } from "./operation.ts";

const callMessage = z.strictObject({
	id: z.int(),
	operation: z.string().max(100),
	input: z.unknown().default({}),
});

/** Close codes for applications are 4000 to 4999; these resemble HTTP's. */
const badMessage = 4400;
const sessionEnded = 4401;

/**
 * `/ws`: the same operations as messages, for pages that stay open.
 * `{id, operation, input}` is answered by `{id, output}` or `{id, error: {code, message}}`.
 */
export function serveOverWebSocket(
	api: FastifyInstance,
	operations: OperationTable,
	login: Login,
	log: Log,
): void {
	api.route({
		method: "GET",
		url: "/ws",
		preValidation: async (request) => {
			if (findSession(request) === undefined)
				throw new OperationError(401, "loginRequired", "Please log in");
		},
		handler: (_request, reply) =>
			reply.code(426).header("upgrade", "websocket").send(),
		wsHandler: (socket, request) => {
			socket.on("error", (error) =>
				log.debug({ err: error }, "a WebSocket was broken off"),
			);
			socket.on("message", (data, isBinary) => {
				const call = isBinary ? undefined : parseCall(String(data));
				if (call === undefined)
					return socket.close(badMessage, "not a call in JSON");
				void answer(socket, request, call);
			});
		},
	});

	function findSession(request: FastifyRequest) {
		return login.findSession(sessionToken(request), request.ip);
	}

	async function answer(
		socket: WebSocket,
		request: FastifyRequest,
		call: z.output<typeof callMessage>,
	): Promise<void> {
		// Looked up each time: the session may have expired or been ended meanwhile.
		const session = findSession(request);
		if (session === undefined)
			return socket.close(sessionEnded, "the session has ended");
		const caller = { address: request.ip, session, keepToken: () => {} };
		const answer = await callOperation(
			operations,
			call.operation,
			call.input,
			caller,
			"webSocket",
		).then(
			(output) => ({ id: call.id, output }),
			(error) => ({ id: call.id, error: describeFailure(error, log).error }),
		);
		socket.send(JSON.stringify(answer));
	}
}

function parseCall(text: string): z.output<typeof callMessage> | undefined {
	try {
		return callMessage.safeParse(JSON.parse(text)).data;
	} catch {
		return undefined;
	}
}
