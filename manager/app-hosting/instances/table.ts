import { defaultLogFlags } from "../../../sdk/log-flags.ts";
import type { Database, Query } from "../../database/database.ts";
import { OperationError } from "../../shared/operation-error.ts";
import type { InstanceDatabase } from "./database.ts";
import type { ExternalHost } from "./external-host.ts";
import { newPassword } from "./passwords.ts";

/** As its row in the manager's database has it. */
export interface Instance extends InstanceDatabase {
	id: number;
	serviceId: string;
	name: string;
	domain: string;
	/** What a crash in the middle leaves to be done. */
	state: "making" | "ready" | "deleting";
	/** Whether it is meant to run. */
	started: boolean;
	password: string;
	logFlags: number;
	/** Where its database is, if not on this machine. */
	externalHost: ExternalHost | null;
}

/** What an administrator may change of an instance. */
export type InstanceEdit = Pick<
	Instance,
	"name" | "domain" | "password" | "externalHost" | keyof InstanceDatabase
>;

export interface NewInstance {
	serviceId: string;
	name: string;
	domain: string;
	/** Without it, one is made up. */
	password?: string | undefined;
	databaseName: string;
	databaseUser: string;
	/** Without it, one is made up. */
	databasePassword?: string | undefined;
	externalHost?: ExternalHost | null | undefined;
}

/** The table `instance`. Everything throws DatabaseUnavailable while PostgreSQL is away. */
export class InstanceTable {
	readonly #database: Database;

	constructor(database: Database) {
		this.#database = database;
	}

	all(): Promise<Instance[]> {
		return this.#database.query<Instance>(
			`SELECT id, service_id AS "serviceId", name, domain, state, started, password,
				database_name AS "databaseName", database_user AS "databaseUser",
				database_password AS "databasePassword", log_flags::float8 AS "logFlags",
				external_host AS "externalHost"
			 FROM instance ORDER BY domain, name`,
		);
	}

	/** @throws OperationError where there is none. */
	async find(id: number): Promise<Instance> {
		const found = (await this.all()).find((instance) => instance.id === id);
		if (!found)
			throw new OperationError(
				"notFound",
				"noSuchInstance",
				"There is no such instance",
			);
		return found;
	}

	/** In the state `making`. */
	async insert(wanted: NewInstance): Promise<Instance> {
		const [row] = await this.#database.query<{ id: number }>(
			`INSERT INTO instance (service_id, name, domain, state, password,
				database_name, database_user, database_password, log_flags, external_host)
			 VALUES ($1, $2, $3, 'making', $4, $5, $6, $7, $8, $9) RETURNING id`,
			[
				wanted.serviceId,
				wanted.name,
				wanted.domain,
				wanted.password ?? newPassword(),
				wanted.databaseName,
				wanted.databaseUser,
				wanted.databasePassword ?? newPassword(),
				defaultLogFlags,
				wanted.externalHost ?? null,
			],
		);
		if (!row) throw new Error("PostgreSQL gave no row");
		return this.find(row.id);
	}

	/** As part of a transaction. */
	async edit(query: Query, id: number, edit: InstanceEdit): Promise<void> {
		await query(
			`UPDATE instance SET name = $2, domain = $3, password = $4, database_name = $5,
				database_user = $6, database_password = $7, external_host = $8
			 WHERE id = $1`,
			[
				id,
				edit.name,
				edit.domain,
				edit.password,
				edit.databaseName,
				edit.databaseUser,
				edit.databasePassword,
				edit.externalHost,
			],
		);
	}

	async setState(id: number, state: Instance["state"]): Promise<void> {
		await this.#database.query("UPDATE instance SET state = $2 WHERE id = $1", [
			id,
			state,
		]);
	}

	async setStarted(id: number, started: boolean): Promise<void> {
		await this.#database.query(
			"UPDATE instance SET started = $2 WHERE id = $1",
			[id, started],
		);
	}

	async setLogFlags(id: number, logFlags: number): Promise<void> {
		await this.#database.query(
			"UPDATE instance SET log_flags = $2 WHERE id = $1",
			[id, logFlags],
		);
	}

	async delete(id: number): Promise<void> {
		await this.#database.query("DELETE FROM instance WHERE id = $1", [id]);
	}
}
