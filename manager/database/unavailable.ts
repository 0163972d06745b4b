import { DatabaseError } from "pg";

/** PostgreSQL is not reachable at the moment; the manager keeps retrying. */
export class DatabaseUnavailable extends Error {
	override name = "DatabaseUnavailable";
}

/** SQLSTATE classes and codes of temporary errors. */
const temporaryStates = [
	"08", // connection exception
	"53", // insufficient resources, such as too many connections
	"57P", // shut down by an admin, crashed, still starting
];

/**
 * Whether an error means that the server is unavailable, as opposed to a wrong statement.
 * Errors that PostgreSQL did not send come from the connection.
 */
export function isUnavailable(error: unknown): boolean {
	if (!(error instanceof DatabaseError)) return true;
	const state = error.code ?? "";
	return temporaryStates.some((prefix) => state.startsWith(prefix));
}
