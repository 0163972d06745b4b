import type { FastifyInstance, RouteOptions } from "fastify";
import type { ManagerAppWebsocket } from "./app-websocket/app-websocket.ts";

/** File names contain a hash of the content, so the content of a name never changes. */
const cacheForever = "public, max-age=31536000, immutable";

/**
 * Serves the built pages; `/manager` redirects to `/manager/`. WebSockets at both paths speak
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
			handler: (_request, reply) =>
				reply
					.headers(cacheControlOf(file.name))
					.type(file.type)
					.send(file.content),
		});
}

/** Returns a header that replaces the one in `securityHeaders`; none for the page itself. */
export function cacheControlOf(name: string): { "cache-control"?: string } {
	return name === "" ? {} : { "cache-control": cacheForever };
}
