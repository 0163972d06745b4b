import type { FastifyError, FastifyInstance } from "fastify";
import type { Login } from "../access/login/login.ts";
import { httpCaller } from "../access/login/session-cookie.ts";
import {
	OperationError,
	type OperationTable,
} from "../operations/operation.ts";
import type { Log } from "../shared/log.ts";
import { callOperation, describeFailure } from "./call.ts";
import { openApiDocument } from "./openapi.ts";

/** Answers every error as the API describes errors; what is our own fault goes to the log. */
export function explainErrors(server: FastifyInstance, log: Log): void {
	server.setErrorHandler<FastifyError | Error>((error, _request, reply) => {
		const failure = describeFailure(asOperationError(error), log);
		if (failure.retryAfterSeconds !== undefined)
			reply.header("retry-after", failure.retryAfterSeconds);
		return reply.code(failure.httpStatus).send({ error: failure.error });
	});
}

/** `POST <operation>` for every operation, and the document that describes them. */
export function serveOverHttp(
	api: FastifyInstance,
	operations: OperationTable,
	login: Login,
): void {
	api.get("/health", () => ({ ok: true }));
	api.get("/openapi.json", () => openApiDocument(operations));
	api.post<{ Params: { operation: string } }>(
		"/:operation",
		(request, reply) => {
			const caller = httpCaller(request, reply, login);
			const { operation } = request.params;
			return callOperation(operations, operation, request.body, caller, "http");
		},
	);
}

/** Fastify's own refusals: body too large, not JSON, wrong content type … */
function asOperationError(error: FastifyError | Error): Error {
	if (!("statusCode" in error)) return error;
	const { statusCode = 500 } = error;
	if (statusCode >= 500) return error;
	return new OperationError(statusCode, "badRequest", error.message);
}
