import type { FastifyError, FastifyInstance } from "fastify";
import type { OperationTable } from "../operations/operation.ts";
import type { StreamOperation } from "../operations/stream-operation.ts";
import type { Log } from "../shared/log.ts";
import { callOperation, describeFailure, type Failure } from "./call.ts";
import { openApiDocument } from "./openapi.ts";
import type { BrowserSessions } from "./session-cookie.ts";

/** Answers every error in the API's format, and logs internal ones. */
export function answerErrors(server: FastifyInstance, log: Log): void {
	server.setErrorHandler<FastifyError | Error>((error, _request, reply) => {
		const failure = requestError(error) ?? describeFailure(error, log);
		if (failure.retryAfterSeconds !== undefined)
			reply.header("retry-after", failure.retryAfterSeconds);
		return reply.code(failure.httpStatus).send({ error: failure.error });
	});
}

/** Serves `POST <operation>` for every operation, and the OpenAPI document. */
export function serveOverHttp(
	api: FastifyInstance,
	{
		operations,
		streams,
	}: { operations: OperationTable; streams: readonly StreamOperation[] },
	sessions: BrowserSessions,
): void {
	api.get("/health", () => ({ ok: true }));
	// Built by the first request only: that takes 10 ms, and everybody can request it.
	let openApi: string | undefined;
	api.get("/openapi.json", (_request, reply) => {
		openApi ??= JSON.stringify(openApiDocument(operations, streams));
		return reply.type("application/json; charset=utf-8").send(openApi);
	});
	api.post<{ Params: { operation: string } }>(
		"/:operation",
		(request, reply) => {
			const { operation } = request.params;
			const caller = sessions.caller(request, reply);
			// Before the password is checked.
			if (!caller.token && operations.get(operation)?.onlyOverHttp)
				sessions.assertAllowed(request);
			return callOperation(operations, operation, request.body, caller, "http");
		},
	);
}

/** Describes errors that Fastify itself detects: body too large, not JSON, wrong content type … */
function requestError(error: FastifyError | Error): Failure | undefined {
	if (!("statusCode" in error)) return undefined;
	const { statusCode = 500, message } = error;
	if (statusCode >= 500) return undefined;
	return { httpStatus: statusCode, error: { code: "badRequest", message } };
}
