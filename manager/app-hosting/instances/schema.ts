import type { ClientBase } from "pg";
import type { SecretColumn } from "../../shared/secrets.ts";

/** Its members may connect with a password through the UNIX socket: see manager-role.sql and pg_hba.conf. */
export const instancesRole = "app_instances";

const passwords = {
	title: "passwords of instances",
	table: "instance",
	key: "id",
	isJson: false,
};
export const instancePasswords: SecretColumn = {
	...passwords,
	column: "password",
};
export const databasePasswords: SecretColumn = {
	...passwords,
	column: "database_password",
};

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
}

/** Null means that the instance's database is on this machine. */
export async function addExternalHost(client: ClientBase): Promise<void> {
	await client.query("ALTER TABLE instance ADD COLUMN external_host jsonb");
}
