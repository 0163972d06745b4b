import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { StreamOperation } from "../operations/stream-operation.ts";
import { checkAccess } from "./call.ts";
import type { BrowserSessions } from "./session-cookie.ts";

/** Serves operations whose body is a file. */
export function serveStreams(
	api: FastifyInstance,
	operations: readonly StreamOperation[],
	sessions: BrowserSessions,
): void {
	for (const operation of operations)
		api.register(async (scope) => {
			acceptBody(scope, operation);
			scope.addHook("onRequest", async (request, reply) => {
				// Before the body is read, so that unauthenticated clients cannot send one.
				checkAccess(operation, sessions.caller(request, reply));
				await operation.refuse?.(request);
			});
			scope.route({
				method: operation.method,
				url: `/${operation.path}`,
				config: { isStream: isUnlimited(operation) },
				handler: async (request, reply) => {
					const body = isUnlimited(operation)
						? request.raw
						: bufferedBody(request);
					const answer = await operation.handle(body, request);
					if (typeof answer === "string") reply.type("text/plain");
					return answer;
				},
			});
		});
}

/** The operation itself reads a body without a size limit. */
const isUnlimited = ({ contentType, maxBytes }: StreamOperation) =>
	contentType !== undefined && maxBytes === undefined;

function acceptBody(
	scope: FastifyInstance,
	{ contentType, maxBytes }: StreamOperation,
): void {
	scope.removeAllContentTypeParsers();
	if (contentType === undefined) return;
	if (maxBytes === undefined)
		scope.addContentTypeParser(contentType, (_request, body, done) =>
			done(null, body),
		);
	else
		scope.addContentTypeParser(
			contentType,
			{ parseAs: "buffer", bodyLimit: maxBytes },
			(_request, body, done) => done(null, body),
		);
}

function bufferedBody({ body }: FastifyRequest): Readable {
	return Readable.from(Buffer.isBuffer(body) ? [body] : []);
}
