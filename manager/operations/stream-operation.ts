import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type * as z from "zod";
import type { OperationTable, TokenUse } from "./operation.ts";

/** A request whose body is not read yet. */
export interface StreamRequest {
	headers: IncomingHttpHeaders;
	query: unknown;
}

/**
 * An operation for administrators whose body is a file, which JSON messages cannot carry. Served over HTTP only, at
 * its own path.
 */
export interface StreamOperation {
	/** Also the name of a token's scope. */
	name: string;
	summary: string;
	method: "GET" | "POST" | "PUT";
	/** Relative to `/manager/api/`. */
	path: string;
	tokens: "read" | "administer";
	/** Of the request's body, `*` for any; undefined if it has no body. */
	contentType?: string;
	/** Larger bodies are refused. Without it the size is unlimited and the body is received in constant memory. */
	maxBytes?: number;
	query?: z.ZodObject;
	/** The answer in JSON; a string is sent as plain text. */
	output: z.ZodType;
	/** Called before the body is read. @throws OperationError to refuse the request. */
	refuse?(request: StreamRequest): Promise<void> | void;
	/** @returns the answer. */
	handle(body: Readable, request: StreamRequest): Promise<unknown>;
}

/** @returns which tokens may call an operation; undefined if it does not exist or needs no login. */
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
