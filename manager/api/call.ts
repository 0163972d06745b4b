import { mayCall } from "../access/tokens/scopes.ts";
import { DatabaseUnavailable } from "../database/unavailable.ts";
import type { Caller } from "../operations/caller.ts";
import type { Operation, OperationTable } from "../operations/operation.ts";
import type { Log } from "../shared/log.ts";
import { type ErrorKind, OperationError } from "../shared/operation-error.ts";

/** Checks access and runs an operation; the only way in for HTTP and WebSocket calls. */
export async function callOperation(
	operations: OperationTable,
	name: string,
	input: unknown,
	caller: Caller,
	transport: "http" | "webSocket",
): Promise<unknown> {
	const operation = operations.get(name);
	if (operation === undefined)
		throw new OperationError(
			"notFound",
			"unknownOperation",
			"No such operation",
		);
	if (operation.onlyOverHttp && transport !== "http")
		throw new OperationError("invalid", "onlyOverHttp", "Call this over HTTP");
	if (operation.permission === "administrator") checkAccess(operation, caller);
	return operation.run(input, caller);
}

/** @throws OperationError if the caller may not call an operation for administrators. */
export function checkAccess(
	operation: Pick<Operation, "name" | "tokens">,
	{ session, token }: Caller,
): void {
	if (session) return;
	if (!token)
		throw new OperationError(
			"unauthenticated",
			"loginRequired",
			"Please log in",
		);
	if (!mayCall(token.scopes, operation))
		throw new OperationError(
			"forbidden",
			"notForToken",
			"The scopes of this token do not include this operation",
		);
}

const httpStatus: Record<ErrorKind, number> = {
	invalid: 400,
	unauthenticated: 401,
	forbidden: 403,
	notFound: 404,
	conflict: 409,
	tooManyAttempts: 429,
	failed: 500,
	upstream: 502,
	noRoom: 507,
};

/** The answer to a failed call. */
export interface Failure {
	httpStatus: number;
	retryAfterSeconds?: number | undefined;
	error: { code: string; message: string };
}

/** Logs internal errors; the caller does not see their details. */
export function describeFailure(error: unknown, log: Log): Failure {
	if (error instanceof OperationError) {
		if (error.kind === "failed")
			log.error({ err: error.cause ?? error }, error.message);
		return {
			httpStatus: httpStatus[error.kind],
			retryAfterSeconds: error.retryAfterSeconds,
			error: { code: error.code, message: error.message },
		};
	}
	if (error instanceof DatabaseUnavailable)
		return {
			httpStatus: 503,
			error: {
				code: "databaseUnavailable",
				message:
					"The database does not answer at the moment. The manager keeps trying; please try again shortly.",
			},
		};
	log.error({ err: error }, "operation failed");
	return {
		httpStatus: 500,
		error: {
			code: "internalError",
			message: "Something went wrong. The manager's log has the details.",
		},
	};
}
