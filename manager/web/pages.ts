import type { FastifyInstance } from "fastify";

/** Names carry a hash of the content: what a name stands for never changes. */
const forever = "public, max-age=31536000, immutable";

/** Serves the built pages; `/manager` leads to `/manager/`. */
export function servePages(server: FastifyInstance): void {
	server.get("/manager", (_request, reply) => reply.redirect("/manager/", 308));
	for (const file of WEB_FILES)
		server.get(`/manager/${file.name}`, (_request, reply) => {
			if (file.name !== "") reply.header("cache-control", forever);
			return reply.type(file.type).send(file.content);
		});
}
