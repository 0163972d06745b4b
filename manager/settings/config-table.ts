import type * as z from "zod";
import type { Database } from "../database/database.ts";
import { isSealed } from "../shared/seal.ts";
import {
	placeOf,
	type SecretColumn,
	type Secrets,
	SecretUnreadable,
} from "../shared/secrets.ts";

/** @param title what the row contains, in a sentence. */
export function secretRow(row: string, title: string): SecretRow {
	return { ...configValue, key: "name", isJson: true, row, title };
}

/** A row whose value contains a secret. */
export type SecretRow = SecretColumn & { row: string };

const configValue = { table: "config", column: "value" };

/**
 * The table `config`: values by name, settings among them. Nothing is cached: a row that an admin deletes with
 * `psql` takes effect immediately.
 */
export class ConfigTable {
	readonly #database: Database;
	readonly #secrets: Secrets;

	constructor(database: Database, secrets: Secrets) {
		this.#database = database;
		this.#secrets = secrets;
	}

	/**
	 * @returns the value, or undefined if there is none.
	 * @throws DatabaseUnavailable; SecretUnreadable; an Error if the stored value does not match the schema.
	 */
	async read<Schema extends z.ZodType>(
		name: string,
		schema: Schema,
	): Promise<z.output<Schema> | undefined> {
		const [row] = await this.#database.query<{ value: unknown }>(
			"SELECT value FROM config WHERE name = $1",
			[name],
		);
		if (row === undefined) return undefined;
		const parsed = schema.safeParse(await this.#toPlain(name, row.value));
		// The message does not contain the value, which may be a secret.
		if (!parsed.success)
			throw new Error(`The value "${name}" in the table config is damaged`);
		return parsed.data;
	}

	/** @returns whether there is a value, readable or not. @throws DatabaseUnavailable */
	async has(name: string): Promise<boolean> {
		const rows = await this.#database.query(
			"SELECT FROM config WHERE name = $1",
			[name],
		);
		return rows.length > 0;
	}

	/** @throws DatabaseUnavailable */
	async write(name: string, value: unknown): Promise<void> {
		await this.#database.query(
			`INSERT INTO config (name, value) VALUES ($1, $2)
			 ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
			[name, JSON.stringify(value)],
		);
	}

	/** Stores a value that contains a secret. @throws DatabaseUnavailable */
	async writeSecret({ row }: SecretRow, value: unknown): Promise<void> {
		const text = JSON.stringify(value);
		const stored = await this.#secrets.toStored(
			text,
			placeOf(configValue, row),
		);
		await this.write(row, stored === text ? value : stored);
	}

	async #toPlain(name: string, value: unknown): Promise<unknown> {
		if (typeof value !== "string" || !isSealed(value)) return value;
		const read = await this.#secrets.reader();
		const text = read(value, placeOf(configValue, name));
		if (text === undefined)
			throw new SecretUnreadable(`"${name}" in the table config`);
		return JSON.parse(text);
	}

	/** Restores the default. @throws DatabaseUnavailable */
	async delete(name: string): Promise<void> {
		await this.#database.query("DELETE FROM config WHERE name = $1", [name]);
	}
}
