import type { ClientBase } from "pg";

/** Stores only the SHA-256 of a token: tokens are long and random, so the hash does not reveal them. */
export async function createTokenTable(client: ClientBase): Promise<void> {
	await client.query(`CREATE TABLE token (
		id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		name text NOT NULL UNIQUE,
		hash bytea NOT NULL UNIQUE,
		scopes text[] NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now(),
		last_used_at timestamptz,
		expires_at timestamptz
	)`);
}
