import type { FastifyInstance, RouteOptions } from "fastify";
import type { ManagerAppWebsocket } from "../api/app-websocket/app-websocket.ts";

/** Names carry a hash of the content: what a name stands for never changes. */
const forever = "public, max-age=31536000, immutable";

/**
 * Serves the built pages; `/manager` leads to `/manager/`. Who opens a WebSocket at either speaks
 * the AppWebsocket protocol.
 */
export function servePages(
	server: FastifyInstance,
	appWebsocket: ManagerAppWebsocket,
): void {
	const withWebSocket = {
		method: "GET",
		wsHandler: (socket, request) => appWebsocket.accept(socket, request.ip),
	} satisfies Partial<RouteOptions>;
	server.route({
		...withWebSocket,
		url: "/manager",
		handler: (_request, reply) => reply.redirect("/manager/", 308),
	});
	for (const file of WEB_FILES)
		server.route({
			...(file.name === "" ? withWebSocket : { method: "GET" }),
			url: `/manager/${file.name}`,
			handler: (_request, reply) => {
				if (file.name !== "") reply.header("cache-control", forever);
				return reply.type(file.type).send(file.content);
			},
		});
}
