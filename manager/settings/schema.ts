import type { ClientBase } from "pg";

/** The names of the table and its columns never change: admins delete rows with `psql`. */
export async function createConfigTable(client: ClientBase): Promise<void> {
	await client.query(
		"CREATE TABLE config (name text PRIMARY KEY, value jsonb NOT NULL)",
	);
}
