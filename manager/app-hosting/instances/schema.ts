import type { ClientBase } from "pg";
import { escapeIdentifier } from "pg";

/** Its members may connect with a password through the UNIX socket: pg_hba.conf names this role. */
export const instancesRole = "app_instances";

/**
 * `state` records what is left to do after a crash: an instance has its row from the start of its
 * creation to the end of its deletion.
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
	// Instances must not read the manager's data, nor block CREATE DATABASE by connecting to template1.
	for (const database of ["manager", "postgres", "template1"])
		await client.query(
			`REVOKE CONNECT, TEMPORARY ON DATABASE ${database} FROM PUBLIC`,
		);
}

/** Null means that the instance's database is on this machine. */
export async function addExternalHost(client: ClientBase): Promise<void> {
	await client.query("ALTER TABLE instance ADD COLUMN external_host jsonb");
}
