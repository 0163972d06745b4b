import type { ClientBase } from "pg";

export async function createUpdateTable(client: ClientBase): Promise<void> {
	await client.query(`CREATE TABLE update_history (
		ended_at timestamptz NOT NULL,
		state text NOT NULL,
		version text NOT NULL,
		build integer NOT NULL,
		from_version text NOT NULL,
		from_build integer NOT NULL,
		reason text NOT NULL,
		PRIMARY KEY (ended_at, build)
	)`);
}
