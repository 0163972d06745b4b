import { mayCall } from "../access/tokens/scopes.ts";
import { DatabaseUnavailable } from "../data/database/unavailable.ts";
import {
	type Caller,
	type Operation,
	OperationError,
	type OperationTable,
} from "../operations/operation.ts";
import type { Log } from "../shared/log.ts";

/** The one way into an operation, whichever way the call came. */
export async function callOperation(
	operations: OperationTable,
	name: string,
	input: unknown,
	caller: Caller,
	way: "http" | "webSocket",
): Promise<unknown> {
	const operation = operations.get(name);
	if (operation === undefined)
		throw new OperationError(404, "unknownOperation", "No such operation");
	if (operation.onlyOverHttp && way !== "http")
		throw new OperationError(400, "onlyOverHttp", "Call this over HTTP");
	if (operation.permission === "administrator") checkAccess(operation, caller);
	return operation.run(input, caller);
}

/**
 * Whether somebody may do what is for administrators.
 * @throws OperationError where not.
 */
export function checkAccess(
	operation: Pick<Operation, "name" | "tokens">,
	{ session, token }: Caller,
): void {
	if (session) return;
	if (!token) throw new OperationError(401, "loginRequired", "Please log in");
	if (!mayCall(token.scopes, operation))
		throw new OperationError(
			403,
			"notForToken",
			"The scopes of this token do not include that",
		);
}

/** What is told about a failure, and with which HTTP status. */
export interface Failure {
	httpStatus: number;
	retryAfterSeconds?: number | undefined;
	error: { code: string; message: string };
}

/** Internal errors go to the log; the caller learns nothing of their inside. */
export function describeFailure(error: unknown, log: Log): Failure {
	if (error instanceof OperationError) {
		if (error.httpStatus === 500)
			log.error({ err: error.cause ?? error }, error.message);
		return {
			httpStatus: error.httpStatus,
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
	log.error({ err: error }, "an operation failed");
	return {
		httpStatus: 500,
		error: {
			code: "internalError",
			message: "Something went wrong. The manager's log has the details.",
		},
	};
}
