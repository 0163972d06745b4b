import { DatabaseError } from "pg";

/** PostgreSQL cannot be asked at the moment; the manager keeps trying. */
export class DatabaseUnavailable extends Error {
	override name = "DatabaseUnavailable";
}

/** SQLSTATE classes and codes that say "not now" rather than "wrong question". */
const temporaryStates = [
	"08", // connection exception
	"53", // insufficient resources, such as too many connections
	"57P", // shut down by an admin, crashed, still starting
];

/**
 * Tells a server that is away from a question that is wrong. Errors that PostgreSQL
 * did not send itself come from the connection.
 */
export function isUnavailable(error: unknown): boolean {
	if (!(error instanceof DatabaseError)) return true;
	const state = error.code ?? "";
	return temporaryStates.some((prefix) => state.startsWith(prefix));
}
