import type { ClientBase } from "pg";
import type { Database } from "../../database/database.ts";
import { OperationError } from "../../shared/operation-error.ts";
import type { Service, ServiceFile } from "./service.ts";
import { storeFiles } from "./service-files.ts";

/** A build to install: its files are in a directory that nothing else changes. */
export interface Installation {
	service: Omit<Service, "uid">;
	directory: string;
	files: readonly ServiceFile[];
}

/** The installed services and their files, in the database. */
export class ServiceTable {
	readonly #database: Database;

	constructor(database: Database) {
		this.#database = database;
	}

	all(): Promise<Service[]> {
		return this.#database.query<Service>(
			`SELECT id, uid, folder, binary_name AS binary, title, build, label
			 FROM service ORDER BY id`,
		);
	}

	/**
	 * Stores a service or another build of it, with all of its files or not at all.
	 * @throws OperationError if another service uses its directory.
	 */
	store({ service, directory, files }: Installation): Promise<Service> {
		return this.#database.transaction(async (query) => {
			await query("LOCK TABLE service IN SHARE ROW EXCLUSIVE MODE");
			const [taken] = await query<{ id: string }>(
				"SELECT id FROM service WHERE folder = $1 AND id <> $2",
				[service.folder, service.id],
			);
			if (taken)
				throw new OperationError(
					"conflict",
					"folderInUse",
					`${taken.id} already uses the directory ${service.folder}`,
				);
			const [row] = await query<{ uid: number }>(
				`INSERT INTO service (id, uid, folder, binary_name, title, build, label)
				 VALUES ($1, nextval('service_uid'), $2, $3, $4, $5, $6)
				 ON CONFLICT (id) DO UPDATE SET binary_name = $3, title = $4,
					build = $5, label = $6
				 RETURNING uid`,
				[
					service.id,
					service.folder,
					service.binary,
					service.title,
					service.build,
					service.label,
				],
			);
			if (!row) throw new Error("PostgreSQL returned no row");
			await query("DELETE FROM service_file WHERE service_id = $1", [
				service.id,
			]);
			await storeFiles(query, service.id, directory, files);
			return { ...service, uid: row.uid };
		});
	}

	/** Deletes a service and its files. PostgreSQL refuses this while there are instances. */
	async delete(id: string): Promise<void> {
		await this.#database.query("DELETE FROM service WHERE id = $1", [id]);
	}
}

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
