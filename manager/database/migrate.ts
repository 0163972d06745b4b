import type { ClientBase } from "pg";

/** One change of the tables. */
export interface Migration {
	/** Stored when the migration is applied: never rename. */
	name: string;
	up(client: ClientBase): Promise<void>;
}

/**
 * Applies the missing migrations in one transaction: a power cut or an error leaves the tables unchanged. Two
 * managers that start at the same time wait for each other.
 * @returns the names of the applied migrations.
 */
export async function migrate(
	client: ClientBase,
	migrations: readonly Migration[],
): Promise<string[]> {
	await client.query("BEGIN");
	try {
		await client.query(
			"SELECT pg_advisory_xact_lock(hashtext('manager migrations'))",
		);
		await client.query(
			"CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now())",
		);
		const { rows } = await client.query<{ name: string }>(
			"SELECT name FROM migration",
		);
		const applied = rows.map(({ name }) => name);
		const missing = migrations.filter(({ name }) => !applied.includes(name));
		for (const { name, up } of missing) {
			await up(client);
			await client.query("INSERT INTO migration (name) VALUES ($1)", [name]);
		}
		await client.query("COMMIT");
		return missing.map(({ name }) => name);
	} catch (error) {
		await client.query("ROLLBACK").catch(() => {}); // The connection itself may have failed.
		throw error;
	}
}
