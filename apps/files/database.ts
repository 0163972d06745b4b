import type { QueryResult, QueryResultRow } from "pg";

/** A pool, or a connection in a transaction. */
export interface Database {
	query<Row extends QueryResultRow>(
		statement: string,
		values?: unknown[],
	): Promise<QueryResult<Row>>;
}

export interface Transaction extends Database {
	/** Ids of the contents that files have given up in it. */
	readonly dropped: string[];
}
