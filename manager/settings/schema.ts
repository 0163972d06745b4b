import type { ClientBase } from "pg";

/** The name and columns are a promise to admins, who delete rows with `psql`. */
export async function createConfigTable(client: ClientBase): Promise<void> {
	await client.query(
		"CREATE TABLE config (name text PRIMARY KEY, value jsonb NOT NULL)",
	);
}
