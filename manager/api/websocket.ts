import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import * as z from "zod";
import type { Tokens } from "../access/tokens/tokens.ts";
import type { Caller } from "../operations/caller.ts";
import type { OperationTable } from "../operations/operation.ts";
import type { Log } from "../shared/log.ts";
import { OperationError } from "../shared/operation-error.ts";
import { bearerToken } from "./bearer.ts";
import { callOperation, checkAccess, describeFailure } from "./call.ts";
import type { BrowserSessions } from "./session-cookie.ts";
import { Topics } from "./topics.ts";

const name = z.string().max(100);
const clientMessage = z.union([
	z.strictObject({
		id: z.int(),
		operation: name,
		input: z.unknown().default({}),
	}),
	z.strictObject({ id: z.int(), subscribe: name }),
	z.strictObject({ id: z.int(), unsubscribe: name }),
]);
type ClientMessage = z.output<typeof clientMessage>;

/** How often open connections are checked for a session that has ended. An open page keeps its session in use. */
const checkSessionMs = 30_000;
/** Of a client that does not read what it subscribed to. */
const maxUnsentBytes = 4 * 1024 * 1024;

/** Close codes for applications are 4000 to 4999; these resemble HTTP status codes. */
const badMessage = 4400;
const sessionEnded = 4401;
const tooSlow = 4429;

/**
 * Serves the operations as messages on `/ws`, for pages that stay open.
 * `{id, operation, input}` is answered by `{id, output}` or `{id, error: {code, message}}`.
 * `{id, subscribe: "OPERATION"}` is answered alike; `{topic: "OPERATION", output}` or
 * `{topic: "OPERATION", error}` comes at once and after each change, until `{id, unsubscribe: "OPERATION"}`.
 */
export function serveOverWebSocket(
	api: FastifyInstance,
	operations: OperationTable,
	{
		sessions,
		tokens,
		log,
	}: { sessions: BrowserSessions; tokens: Tokens; log: Log },
): void {
	const topics = new Topics(operations, log);

	api.route({
		method: "GET",
		url: "/ws",
		preValidation: async (request) => {
			if (!request.token && !sessions.find(request))
				throw new OperationError(
					"unauthenticated",
					"loginRequired",
					"Please log in",
				);
		},
		handler: (_request, reply) =>
			reply.code(426).header("upgrade", "websocket").send(),
		wsHandler: (socket, request) => {
			const subscriptions = new Map<string, () => void>();
			const checkTimer = setInterval(() => {
				if (!mayStay(request)) end(socket);
			}, checkSessionMs);
			const { token } = request;
			const stopWatching = token && tokens.onInvalid(token, () => end(socket));
			socket.on("close", () => {
				clearInterval(checkTimer);
				stopWatching?.();
				for (const unsubscribe of subscriptions.values()) unsubscribe();
			});
			socket.on("error", (error) =>
				log.debug({ err: error }, "WebSocket connection failed"),
			);
			socket.on("message", (data, isBinary) => {
				const message = isBinary ? undefined : parseMessage(String(data));
				if (message === undefined)
					return socket.close(badMessage, "not a JSON call");
				void answer(socket, request, subscriptions, message);
			});
		},
	});

	/** A token is watched; a session may have expired or ended. */
	function mayStay(request: FastifyRequest): boolean {
		return request.token !== undefined || sessions.find(request) !== undefined;
	}

	/** Called for each message: the session or token may have expired or ended since. */
	async function findCaller(
		request: FastifyRequest,
	): Promise<Caller | undefined> {
		const bearer = bearerToken(request);
		const token = bearer === undefined ? undefined : await tokens.find(bearer);
		const session = bearer === undefined ? sessions.find(request) : undefined;
		if (!token && !session) return undefined;
		return {
			...{ address: request.ip, token, session },
			...{ keepToken: () => {}, keepBrowser: () => {} },
		};
	}

	async function answer(
		socket: WebSocket,
		request: FastifyRequest,
		subscriptions: Map<string, () => void>,
		message: ClientMessage,
	): Promise<void> {
		const { id } = message;
		const send = (answer: object) => socket.send(JSON.stringify(answer));
		try {
			const caller = await findCaller(request);
			if (!caller) return end(socket);
			if ("operation" in message) {
				const { operation, input } = message;
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
				return;
			}
			const name =
				"subscribe" in message ? message.subscribe : message.unsubscribe;
			subscriptions.get(name)?.();
			subscriptions.delete(name);
			if ("subscribe" in message) {
				const operation = operations.get(name);
				if (operation) checkAccess(operation, caller);
				// Closed while the caller was looked up: nothing would end the subscription.
				if (socket.readyState !== socket.OPEN) return;
				subscriptions.set(
					name,
					topics.subscribe(name, (value) => push(socket, request, value)),
				);
			}
			send({ id, output: {} });
		} catch (error) {
			send({ id, error: describeFailure(error, log).error });
		}
	}

	function push(
		socket: WebSocket,
		request: FastifyRequest,
		value: string,
	): void {
		if (!mayStay(request)) end(socket);
		else if (socket.bufferedAmount > maxUnsentBytes)
			socket.close(tooSlow, "the client does not read what it subscribed to");
		else socket.send(value);
	}
}

function end(socket: WebSocket): void {
	socket.close(sessionEnded, "session or token has ended");
}

function parseMessage(text: string): ClientMessage | undefined {
	try {
		return clientMessage.safeParse(JSON.parse(text)).data;
	} catch {
		return undefined;
	}
}
