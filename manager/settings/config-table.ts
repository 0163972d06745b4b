import type * as z from "zod";
import type { Database } from "../database/database.ts";

/**
 * The table `config`: values by name, settings among them. Nothing is cached: a row that an admin deletes with
 * `psql` takes effect immediately.
 */
export class ConfigTable {
	readonly #database: Database;

	constructor(database: Database) {
		this.#database = database;
	}

	/**
	 * @returns the value, or undefined if there is none.
	 * @throws DatabaseUnavailable; an Error if the stored value does not match the schema.
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
		const parsed = schema.safeParse(row.value);
		// The message does not contain the value, which may be a secret.
		if (!parsed.success)
			throw new Error(`The value "${name}" in the table config is damaged`);
		return parsed.data;
	}

	/** @throws DatabaseUnavailable */
	async write(name: string, value: unknown): Promise<void> {
		await this.#database.query(
			`INSERT INTO config (name, value) VALUES ($1, $2)
			 ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
			[name, JSON.stringify(value)],
		);
	}

	/** Restores the default. @throws DatabaseUnavailable */
	async delete(name: string): Promise<void> {
		await this.#database.query("DELETE FROM config WHERE name = $1", [name]);
	}
}
