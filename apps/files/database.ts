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

/**
 * Creates missing tables. Contents are stored as chunks in a plain table, since logical replication
 * and dumps of single tables skip large objects. A content never changes: copies of a file share
 * it, and writing a file makes it point to another content.
 */
export async function createTables(database: Database): Promise<void> {
	await database.query(`
		CREATE TABLE IF NOT EXISTS content (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			type text NOT NULL,
			-- Null while it is being written.
			size_bytes bigint
		);
		CREATE TABLE IF NOT EXISTS chunk (
			content uuid NOT NULL REFERENCES content ON DELETE CASCADE,
			-- The offset of its first byte.
			position bigint NOT NULL,
			data bytea NOT NULL,
			PRIMARY KEY (content, position)
		);
		-- Without compression: most large files are compressed already.
		ALTER TABLE chunk ALTER COLUMN data SET STORAGE EXTERNAL;
		CREATE TABLE IF NOT EXISTS node (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			-- Null for the top directory.
			parent uuid REFERENCES node,
			name text NOT NULL,
			-- Null for directories.
			content uuid REFERENCES content,
			created timestamptz NOT NULL DEFAULT now(),
			modified timestamptz NOT NULL DEFAULT now(),
			UNIQUE (parent, name)
		);
		CREATE INDEX IF NOT EXISTS node_content ON node (content);
		INSERT INTO node (name) SELECT '' WHERE NOT EXISTS (SELECT FROM node WHERE parent IS NULL);
		CREATE TABLE IF NOT EXISTS property (
			node uuid NOT NULL REFERENCES node ON DELETE CASCADE,
			namespace text NOT NULL,
			name text NOT NULL,
			-- The whole XML element.
			xml text NOT NULL,
			PRIMARY KEY (node, namespace, name)
		);
		CREATE TABLE IF NOT EXISTS lock (
			token text PRIMARY KEY,
			path text[] NOT NULL,
			is_deep boolean NOT NULL,
			is_exclusive boolean NOT NULL,
			owner text NOT NULL,
			expires timestamptz NOT NULL
		);
		ALTER TABLE lock ADD COLUMN IF NOT EXISTS holder text NOT NULL DEFAULT '';
		-- Earlier versions kept locks for a day.
		UPDATE lock SET expires = now() + interval '1 hour' WHERE expires > now() + interval '1 hour'`);
}
