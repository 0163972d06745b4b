import type { FastifyInstance, RouteOptions } from "fastify";
import type { ManagerAppWebsocket } from "./app-websocket/app-websocket.ts";
import type { ManagerOrigin } from "./manager-origin.ts";

/** File names contain a hash of the content, so the content of a name never changes. */
const cacheForever = "public, max-age=31536000, immutable";
/**
 * What apps may have left in the browser while they were reached by the name that is now the manager's own: a service
 * worker could act with the administrator's session. The manager's pages store nothing.
 */
const leftovers = '"storage"';

/**
 * Serves the built pages; `/manager` redirects to `/manager/`, and that to the manager's origin. WebSockets at both
 * paths speak the AppWebsocket protocol.
 */
export function servePages(
	server: FastifyInstance,
	appWebsocket: ManagerAppWebsocket,
	origin: ManagerOrigin,
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
			handler: (request, reply) => {
				if (file.name === "") {
					// Not permanently: a setting decides.
					if (!origin.isOwn(request))
						return reply.redirect(origin.pageUrl(request), 302);
					if (origin.hasOwnName(request))
						reply.header("clear-site-data", leftovers);
				}
				return reply
					.headers(cacheControlOf(file.name))
					.type(file.type)
					.send(file.content);
			},
		});
	// The page links to apps, which have another origin.
	server.get("/manager/open/*", (request, reply) =>
		reply.redirect(
			origin.appsOrigin(request) + request.url.slice("/manager/open".length),
			302,
		),
	);
}

/** Returns a header that replaces the one in `securityHeaders`; none for the page itself. */
export function cacheControlOf(name: string): { "cache-control"?: string } {
	return name === "" ? {} : { "cache-control": cacheForever };
}
