import type * as z from "zod";
import type { Database } from "../database/database.ts";

/**
 * The manager's settings by name, kept in the table `config`. Nothing is cached: a row
 * deleted with `psql` counts at once.
 */
export class Config {
	readonly #database: Database;

	constructor(database: Database) {
		this.#database = database;
	}

	/**
	 * @returns the value, or undefined where there is none.
	 * @throws DatabaseUnavailable; an Error where the stored value does not fit the schema.
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
		// The value itself stays out of the message: it may be a secret.
		if (!parsed.success)
			throw new Error(`The stored setting "${name}" is damaged`);
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

	/** What has no value gets its default. @throws DatabaseUnavailable */
	async remove(name: string): Promise<void> {
		await this.#database.query("DELETE FROM config WHERE name = $1", [name]);
	}
}
