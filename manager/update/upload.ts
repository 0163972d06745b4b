import type { FastifyInstance } from "fastify";
import * as z from "zod";
import type { Login } from "../login/login.ts";
import { httpCaller } from "../login/session-cookie.ts";
import { checkAccess } from "../operations/call.ts";
import { OperationError } from "../operations/operation.ts";
import type { Updates } from "./updates.ts";

/** A part of a file: small enough for 256 MB of memory and a slow line. */
const mostChunkBytes = 2 * 1024 * 1024;

const query = z.object({ offset: z.coerce.number().int().min(0) });

/**
 * `POST /update-file?offset=N` with a part of the file as its body, which no JSON can carry.
 * The answer is the number of bytes that are there: an upload goes on from it.
 */
export function serveUpload(
	api: FastifyInstance,
	updates: Updates,
	login: Login,
): void {
	api.register(async (scope) => {
		scope.addContentTypeParser(
			"application/octet-stream",
			{ parseAs: "buffer", bodyLimit: mostChunkBytes },
			(_request, body, done) => done(null, body),
		);
		scope.addHook("onRequest", async (request, reply) => {
			// Before the body is read: strangers send nothing.
			const operation = { name: "update-file", tokens: "administer" } as const;
			checkAccess(operation, httpCaller(request, reply, login));
		});
		scope.post(
			"/update-file",
			{ bodyLimit: mostChunkBytes },
			async (request) => {
				const { success, data } = query.safeParse(request.query);
				if (!success || !Buffer.isBuffer(request.body))
					throw new OperationError(
						400,
						"invalidInput",
						"Send a part of the file as application/octet-stream, with its ?offset=",
					);
				return {
					receivedBytes: await updates.upload(data.offset, request.body),
				};
			},
		);
	});
}
