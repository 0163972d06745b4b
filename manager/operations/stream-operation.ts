import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type * as z from "zod";
import type { OperationTable, TokenUse } from "./operation.ts";

/** What is known of a request before its body is read. */
export interface StreamRequest {
	headers: IncomingHttpHeaders;
	query: unknown;
}

/**
 * An operation for administrators whose body is a file, which no JSON message can carry. Served over HTTP only, at a
 * path of its own.
 */
export interface StreamOperation {
	/** Also the name of a token's scope. */
	name: string;
	summary: string;
	method: "GET" | "POST" | "PUT";
	/** Below `/manager/api/`. */
	path: string;
	tokens: "read" | "administer";
	/** Of the request's body, `*` for any; undefined where it has none. */
	contentType?: string;
	/** Larger bodies are refused. Without it a body has any size and is received in constant memory. */
	maxBytes?: number;
	query?: z.ZodObject;
	/** The answer in JSON; a string is sent as plain text. */
	output: z.ZodType;
	/** @throws OperationError before anything of the body is read. */
	refuse?(request: StreamRequest): Promise<void> | void;
	/** @returns the answer. */
	handle(body: Readable, request: StreamRequest): Promise<unknown>;
}

/** @returns which tokens may call an operation; undefined where there is none, or none that needs a token. */
export function tokenUseOf(
	name: string,
	operations: OperationTable,
	streams: readonly StreamOperation[],
): TokenUse | undefined {
	const operation = operations.get(name);
	if (operation?.permission === "administrator") return operation.tokens;
	return streams.some((stream) => stream.name === name)
		? "administer"
		: undefined;
}
