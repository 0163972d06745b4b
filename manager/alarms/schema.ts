import type { ClientBase } from "pg";

export async function createAlarmTable(client: ClientBase): Promise<void> {
	await client.query(`
		CREATE TABLE alarm (
			id uuid PRIMARY KEY,
			service text,
			instance text,
			code integer NOT NULL,
			severity text NOT NULL,
			text text NOT NULL,
			details text,
			raised_at timestamptz NOT NULL,
			-- NULL while the alarm is active.
			ended_at timestamptz
		)`);
}
