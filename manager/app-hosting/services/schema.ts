import type { ClientBase } from "pg";

/** The tables also hold the services' files, in parts, so that a standby has them (contract E4). */
export async function createServiceTables(client: ClientBase): Promise<void> {
	await client.query(`
		-- Never reused: files left by a removed service must not belong to another one.
		CREATE SEQUENCE service_uid START 2000;
		CREATE TABLE service (
			id text PRIMARY KEY,
			uid integer NOT NULL UNIQUE,
			folder text NOT NULL UNIQUE,
			binary_name text NOT NULL,
			title text NOT NULL,
			build text NOT NULL,
			label text NOT NULL
		);
		CREATE TABLE service_file (
			service_id text NOT NULL REFERENCES service ON DELETE CASCADE,
			name text NOT NULL,
			sha256 text NOT NULL,
			PRIMARY KEY (service_id, name)
		);
		CREATE TABLE service_file_part (
			service_id text NOT NULL,
			name text NOT NULL,
			number integer NOT NULL,
			content bytea NOT NULL,
			PRIMARY KEY (service_id, name, number),
			FOREIGN KEY (service_id, name) REFERENCES service_file ON DELETE CASCADE
		);
		ALTER TABLE service_file_part ALTER content SET STORAGE EXTERNAL`);
}
