import type { ClientBase } from "pg";
import { escapeIdentifier } from "pg";

/** Who may connect with a password by the UNIX socket: pg_hba.conf names this role. */
export const instancesRole = "app_instances";

/**
 * `state` says what a crash in the middle leaves to be done: an instance that is being made or
 * deleted has a row all the while.
 */
export async function createInstanceTable(client: ClientBase): Promise<void> {
	await client.query(`
		CREATE TABLE instance (
			id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			service_id text NOT NULL REFERENCES service,
			name text NOT NULL,
			domain text NOT NULL,
			state text NOT NULL CHECK (state IN ('making', 'ready', 'deleting')),
			started boolean NOT NULL DEFAULT true,
			password text NOT NULL,
			database_name text NOT NULL UNIQUE,
			database_user text NOT NULL UNIQUE,
			database_password text NOT NULL,
			log_flags bigint NOT NULL,
			UNIQUE (domain, name)
		)`);
	const { rowCount } = await client.query(
		"SELECT FROM pg_roles WHERE rolname = $1",
		[instancesRole],
	);
	if (rowCount === 0)
		await client.query(`CREATE ROLE ${escapeIdentifier(instancesRole)}`);
	// No instance reads what is the manager's, nor is in the way of who makes databases.
	for (const database of ["manager", "postgres", "template1"])
		await client.query(
			`REVOKE CONNECT, TEMPORARY ON DATABASE ${database} FROM PUBLIC`,
		);
}

/** Null where the instance's database is on this machine. */
export async function addExternalHost(client: ClientBase): Promise<void> {
	await client.query("ALTER TABLE instance ADD COLUMN external_host jsonb");
}
