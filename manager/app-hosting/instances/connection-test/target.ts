import type { DatabaseHost } from "../../../../sdk/protocol.ts";

/** A database to connect to, for a look. */
export interface ConnectionTarget extends Partial<DatabaseHost> {
	/** Folder of the UNIX socket; or a DNS name or IP address, then there is all of the rest. */
	host: string;
	name: string;
	user: string;
	password: string;
}

/** What the server says of itself, and how one got there. */
export interface ConnectionFacts {
	/** Whatever the server calls it. */
	version: string;
	usesTls: boolean;
}

export type ConnectionProblem =
	| "nameNotFound"
	| "unreachable"
	| "refused"
	| "timedOut"
	| "noSuchServer"
	| "tlsRefused"
	| "tlsFailed"
	| "notTrusted"
	| "expired"
	| "wrongName"
	| "nameNeeded"
	| "passwordWrong"
	| "notAllowed"
	| "databaseMissing"
	| "busy";

export type ConnectionResult = ConnectionFacts | { problem: ConnectionProblem };
