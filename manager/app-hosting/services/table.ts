import type { Database } from "../../database/database.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { storeFiles } from "./files.ts";
import type { Service, ServiceFile } from "./service.ts";

/** What is to be installed: files in a folder that nobody else changes. */
export interface Installation {
	service: Omit<Service, "uid">;
	folder: string;
	files: readonly ServiceFile[];
}

/** The services in the database, with their files: what is there is installed. */
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
	 * A service, or another build in its place, with all of its files or not at all.
	 * @throws OperationError where another one has its folder.
	 */
	store({ service, folder, files }: Installation): Promise<Service> {
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
					`${taken.id} uses the folder ${service.folder} already`,
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
			if (!row) throw new Error("PostgreSQL gave no row");
			await query("DELETE FROM service_file WHERE service_id = $1", [
				service.id,
			]);
			await storeFiles(query, service.id, folder, files);
			return { ...service, uid: row.uid };
		});
	}

	/** With its files. PostgreSQL refuses that while there are instances. */
	async remove(id: string): Promise<void> {
		await this.#database.query("DELETE FROM service WHERE id = $1", [id]);
	}
}
