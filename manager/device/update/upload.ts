import type { FastifyInstance } from "fastify";
import * as z from "zod";
import type { Login } from "../../access/login/login.ts";
import { httpCaller } from "../../access/login/session-cookie.ts";
import { checkAccess } from "../../api/call.ts";
import { serveUploadStream } from "../../api/upload-stream.ts";
import { OperationError } from "../../operations/operation.ts";
import type { Updates } from "./updates.ts";
import { uploadPart } from "./upload-part.ts";

const name = "update-file";
/** A part of a file: small enough for 256 MB of memory and a slow line. */
const mostChunkBytes = 2 * 1024 * 1024;

const query = z.object({ offset: z.coerce.number().int().min(0) });

/** The ways to bring an update file, which no JSON can carry. */
export function serveUpload(
	api: FastifyInstance,
	updates: Updates,
	login: Login,
): void {
	serveWhole(api, updates, login);
	serveOffset(api, updates, login);
	serveParts(api, updates, login);
}

/** `PUT /update-file` with the file, or with the rest of it: what `curl -T` sends. */
function serveWhole(
	api: FastifyInstance,
	updates: Updates,
	login: Login,
): void {
	serveUploadStream(api, login, {
		method: "PUT",
		name,
		contentType: "*",
		refuse: ({ headers, query }) =>
			updates.refuseUpload(uploadPart(headers, query)),
		receive: async (body, { headers, query }) => ({
			receivedBytes: await updates.receive(uploadPart(headers, query), body),
		}),
	});
}

/** `GET /update-file/offset`: the number of bytes that are there, for `curl -C`. */
function serveOffset(
	api: FastifyInstance,
	updates: Updates,
	login: Login,
): void {
	api.get(`/${name}/offset`, async (request, reply) => {
		const operation = { name, tokens: "read" } as const;
		checkAccess(operation, httpCaller(request, reply, login));
		reply.type("text/plain");
		return `${(await updates.status()).receivedBytes}\n`;
	});
}

/**
 * `POST /update-file?offset=N` with a part of the file: what the page sends, from which a part
 * comes whole or not at all. The answer is the number of bytes that are there: an upload is
 * resumed from it.
 */
function serveParts(
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
			const operation = { name, tokens: "administer" } as const;
			checkAccess(operation, httpCaller(request, reply, login));
		});
		scope.post(`/${name}`, { bodyLimit: mostChunkBytes }, async (request) => {
			const { success, data } = query.safeParse(request.query);
			if (!success || !Buffer.isBuffer(request.body))
				throw new OperationError(
					400,
					"invalidInput",
					"Send a part of the file as application/octet-stream, with its ?offset=, or the whole file by PUT (curl -T FILE)",
				);
			return {
				receivedBytes: await updates.upload(data.offset, request.body),
			};
		});
	});
}
