import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { DatabaseUnavailable } from "../../database/unavailable.ts";
import type { ConfigTable } from "../../settings/config-table.ts";
import type { Log } from "../../shared/log.ts";
import { makeDirectory } from "../../shared/make-directory.ts";
import { readFileIfExists, writeSecretFile } from "../../shared/secret-file.ts";
import { type PasswordHash, passwordHash } from "./password.ts";

const settingName = "password";

/** Without a hash, the default password is in use. */
const copy = z.strictObject({ hash: passwordHash.optional() });
type Copy = z.output<typeof copy>;

/**
 * The hash of the manager's password. It is in the table `config`; a copy in a file lets administrators log in while
 * PostgreSQL is unavailable, for instance because the disk is full.
 */
export class StoredPassword {
	readonly #config: ConfigTable;
	readonly #copyFile: string;
	readonly #log: Log;
	/** What the table had last. */
	#known: Copy | undefined;

	constructor(config: ConfigTable, copyFile: string, log: Log) {
		this.#config = config;
		this.#copyFile = copyFile;
		this.#log = log;
	}

	/**
	 * @returns undefined if the default password is in use.
	 * @throws DatabaseUnavailable if there is no copy either.
	 */
	async read(): Promise<PasswordHash | undefined> {
		try {
			const hash = await this.#config.read(settingName, passwordHash);
			await this.#keep(hash);
			return hash;
		} catch (error) {
			if (!(error instanceof DatabaseUnavailable)) throw error;
			this.#known ??= await this.#readCopy();
			if (!this.#known) throw error;
			return this.#known.hash;
		}
	}

	/** @throws DatabaseUnavailable */
	async write(hash: PasswordHash): Promise<void> {
		await this.#config.write(settingName, hash);
		await this.#keep(hash);
	}

	/** Without a copy, the login needs PostgreSQL; with an old one, an old password would be valid. */
	async #keep(hash: PasswordHash | undefined): Promise<void> {
		// What is there already is not written again: that would fail on a full disk, and delete it.
		this.#known ??= await this.#readCopy();
		if (this.#known && isDeepStrictEqual(this.#known.hash, hash)) return;
		this.#known = { hash };
		try {
			await makeDirectory(dirname(this.#copyFile), 0o700);
			await writeSecretFile(this.#copyFile, JSON.stringify(this.#known));
		} catch (error) {
			this.#log.warn(
				{ err: error },
				"the copy of the password's hash cannot be written; logins need PostgreSQL",
			);
			await rm(this.#copyFile, { force: true });
		}
	}

	async #readCopy(): Promise<Copy | undefined> {
		const text = await readFileIfExists(this.#copyFile);
		if (text === undefined) return undefined;
		try {
			return copy.parse(JSON.parse(text));
		} catch {
			this.#log.error(`${this.#copyFile} is damaged; logins need PostgreSQL`);
			return undefined;
		}
	}
}
