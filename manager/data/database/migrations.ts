import type { ClientBase } from "pg";
import { type MigrationMeta, Umzug } from "umzug";
import { createTokenTable } from "../../access/tokens/schema.ts";
import { createAlarmTable } from "../../alarms/schema.ts";
import {
	addExternalHost,
	createInstanceTable,
} from "../../app-hosting/instances/schema.ts";
import { createServiceTables } from "../../app-hosting/services/schema.ts";
import { createUpdateTable } from "../../device/update/schema.ts";
import { createConfigTable } from "../../settings/schema.ts";

/** Every change of the manager's tables, oldest first. Names are stored: never rename or reorder. */
const migrations = [
	{ name: "0001-config", up: createConfigTable },
	{ name: "0002-update-history", up: createUpdateTable },
	{ name: "0003-services", up: createServiceTables },
	{ name: "0004-instances", up: createInstanceTable },
	{ name: "0005-external-host", up: addExternalHost },
	{ name: "0006-tokens", up: createTokenTable },
	{ name: "0007-alarms", up: createAlarmTable },
];

/**
 * Brings the manager's tables up to date, in one transaction: a power cut or an error
 * leaves them as they were. Two managers that start at once wait for each other.
 * @returns the names of the migrations that were made now.
 */
export async function migrate(client: ClientBase): Promise<string[]> {
	await client.query("BEGIN");
	try {
		await client.query(
			"SELECT pg_advisory_xact_lock(hashtext('manager migrations'))",
		);
		await client.query(
			"CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now())",
		);
		const umzug = new Umzug({
			migrations: migrations.map(({ name, up }) => ({
				name,
				up: () => up(client),
			})),
			storage: tableStorage(client),
			logger: undefined,
		});
		const made = await umzug.up();
		await client.query("COMMIT");
		return made.map((migration: MigrationMeta) => migration.name);
	} catch (error) {
		await client.query("ROLLBACK").catch(() => {}); // The connection may be what failed.
		throw error;
	}
}

function tableStorage(client: ClientBase) {
	return {
		async executed(): Promise<string[]> {
			const { rows } = await client.query<{ name: string }>(
				"SELECT name FROM migration ORDER BY name",
			);
			return rows.map((row) => row.name);
		},
		async logMigration({ name }: { name: string }): Promise<void> {
			await client.query("INSERT INTO migration (name) VALUES ($1)", [name]);
		},
		async unlogMigration({ name }: { name: string }): Promise<void> {
			await client.query("DELETE FROM migration WHERE name = $1", [name]);
		},
	};
}
