import type { QueryResult, QueryResultRow } from "pg";

/** A pool, or a connection in a transaction. */
export interface Database {
	query<Row extends QueryResultRow>(
		statement: string,
		values?: unknown[],
	): Promise<QueryResult<Row>>;
}

/** A transaction. */
export interface Change extends Database {
	/** Contents that files have given up in it. */
	readonly dropped: string[];
}
