import type { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Login } from "../login/login.ts";
import { httpCaller } from "../login/session-cookie.ts";
import { checkAccess } from "../operations/call.ts";
import type { Store } from "./store.ts";

/**
 * `POST /app-archive` with a tar archive of a store that has one app: it is installed, as from the
 * app store. For developers, who have switched their mode on.
 */
export function serveAppUpload(
	api: FastifyInstance,
	store: Store,
	login: Login,
): void {
	api.register(async (scope) => {
		scope.addContentTypeParser("application/x-tar", (_request, body, done) =>
			done(null, body),
		);
		scope.addHook("onRequest", async (request, reply) => {
			// Before the body is read: strangers send nothing.
			const operation = { name: "app-archive", tokens: "administer" } as const;
			checkAccess(operation, httpCaller(request, reply, login));
			await store.refuseUnlessDeveloperMode();
		});
		scope.post("/app-archive", ({ body }) =>
			store.installArchive(body as Readable),
		);
	});
}
