import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Login } from "../access/login/login.ts";
import { httpCaller } from "../access/login/session-cookie.ts";
import { checkAccess } from "./call.ts";

export interface UploadStream {
	method: "POST" | "PUT";
	/** Below `/manager/api/`; also what tokens call it. */
	name: string;
	/** Of the body; `*` for any, or none. */
	contentType: string;
	/** @throws OperationError before anything of the body is read. */
	refuse?(request: FastifyRequest): Promise<void> | void;
	/**
	 * Takes the body as fast as it can store it.
	 * @returns the answer.
	 */
	receive(body: Readable, request: FastifyRequest): Promise<unknown>;
}

/** Serves a file for administrators as the body of one request, however large, in no memory. */
export function serveUploadStream(
	api: FastifyInstance,
	login: Login,
	{ method, name, contentType, refuse, receive }: UploadStream,
): void {
	api.register(async (scope) => {
		scope.removeAllContentTypeParsers();
		scope.addContentTypeParser(contentType, (_request, body, done) =>
			done(null, body),
		);
		scope.addHook("onRequest", async (request, reply) => {
			// Before the body is read: strangers send nothing.
			const operation = { name, tokens: "administer" } as const;
			checkAccess(operation, httpCaller(request, reply, login));
			await refuse?.(request);
		});
		scope.route({
			method,
			url: `/${name}`,
			config: { isStream: true },
			handler: (request) => receive(request.raw, request),
		});
	});
}
