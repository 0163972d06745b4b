import { defaultLogFlags } from "../../../sdk/log-flags.ts";
import type { Database, Query } from "../../database/database.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { placeOf, type Secrets } from "../../shared/secrets.ts";
import type { ExternalHost } from "./external-host.ts";
import type { InstanceDatabase } from "./instance-database.ts";
import { assertReadable, generatePassword } from "./passwords.ts";
import { databasePasswords, instancePasswords } from "./schema.ts";

/** An instance's row in the manager's database. */
export interface Instance extends InstanceDatabase {
	id: number;
	serviceId: string;
	name: string;
	domain: string;
	/** Tells after a crash what is left to do. */
	state: "making" | "ready" | "deleting";
	/** Whether it is supposed to run. */
	started: boolean;
	/** Undefined if it cannot be read. */
	password: string | undefined;
	logFlags: number;
	/** Null if its database is on this machine. */
	externalHost: ExternalHost | null;
}

/** Its passwords may be sealed. */
type StoredInstance = Instance & { password: string; databasePassword: string };

/** The fields of an instance that an administrator may change. */
export type InstanceEdit = Pick<
	Instance,
	"name" | "domain" | "password" | "externalHost" | keyof InstanceDatabase
>;

export interface NewInstance {
	serviceId: string;
	name: string;
	domain: string;
	/** By default generated. */
	password?: string | undefined;
	databaseName: string;
	databaseUser: string;
	/** By default generated. */
	databasePassword?: string | undefined;
	externalHost?: ExternalHost | null | undefined;
}

/** The table `instance`. All methods throw DatabaseUnavailable while PostgreSQL is unavailable. */
export class InstanceTable {
	readonly #database: Database;
	readonly #secrets: Secrets;

	constructor(database: Database, secrets: Secrets) {
		this.#database = database;
		this.#secrets = secrets;
	}

	async all(): Promise<Instance[]> {
		const rows = await this.#database.query<StoredInstance>(
			`SELECT id, service_id AS "serviceId", name, domain, state, started, password,
				database_name AS "databaseName", database_user AS "databaseUser",
				database_password AS "databasePassword", log_flags::float8 AS "logFlags",
				external_host AS "externalHost"
			 FROM instance ORDER BY domain, name`,
		);
		const read = await this.#secrets.reader();
		return rows.map(({ password, databasePassword, ...rest }) => ({
			...rest,
			password: read(password, placeOf(instancePasswords, rest.id)),
			databasePassword: read(
				databasePassword,
				placeOf(databasePasswords, rest.id),
			),
		}));
	}

	/** @throws OperationError if there is no such instance. */
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

	/** Inserts an instance in state `making`. */
	async insert(wanted: NewInstance): Promise<Instance> {
		// First: the passwords are sealed for its row.
		const [row] = await this.#database.query<{ id: number }>(
			"SELECT nextval(pg_get_serial_sequence('instance', 'id'))::int AS id",
		);
		if (!row) throw new Error("PostgreSQL returned no row");
		const { id } = row;
		await this.#database.query(
			`INSERT INTO instance (id, service_id, name, domain, state, password,
				database_name, database_user, database_password, log_flags, external_host)
			 OVERRIDING SYSTEM VALUE
			 VALUES ($1, $2, $3, $4, 'making', $5, $6, $7, $8, $9, $10)`,
			[
				id,
				wanted.serviceId,
				wanted.name,
				wanted.domain,
				await this.#secrets.toStored(
					wanted.password ?? generatePassword(),
					placeOf(instancePasswords, id),
				),
				wanted.databaseName,
				wanted.databaseUser,
				await this.#secrets.toStored(
					wanted.databasePassword ?? generatePassword(),
					placeOf(databasePasswords, id),
				),
				defaultLogFlags,
				wanted.externalHost ?? null,
			],
		);
		return this.find(id);
	}

	/** Runs in the caller's transaction. @throws OperationError if a password is unknown. */
	async edit(query: Query, id: number, edit: InstanceEdit): Promise<void> {
		await query(
			`UPDATE instance SET name = $2, domain = $3, password = $4, database_name = $5,
				database_user = $6, database_password = $7, external_host = $8
			 WHERE id = $1`,
			[
				id,
				edit.name,
				edit.domain,
				await this.#secrets.toStored(
					assertReadable(edit.password),
					placeOf(instancePasswords, id),
				),
				edit.databaseName,
				edit.databaseUser,
				await this.#secrets.toStored(
					assertReadable(edit.databasePassword),
					placeOf(databasePasswords, id),
				),
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
