import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Mutex } from "async-mutex";
import * as z from "zod";
import { DatabaseUnavailable } from "../../database/unavailable.ts";
import type { ConfigTable } from "../../settings/config-table.ts";
import type { Log } from "../../shared/log.ts";
import { makeDirectory } from "../../shared/make-directory.ts";
import {
	deleteFile,
	readFileIfExists,
	writeSecretFile,
} from "../../shared/secret-file.ts";
import { cryptText, type PasswordHash, passwordHash } from "./password.ts";

const settingName = "password";

/** Without a hash, the default password is in use. */
const copy = z.strictObject({ hash: passwordHash.optional() });
type Copy = z.output<typeof copy>;

/**
 * The hash of the manager's password. It is in the table `config`; a copy in a file lets administrators log in while
 * PostgreSQL is unavailable, for instance because the disk is full. A machine that is set up without a console gets a
 * password in another file, which replaces the one in the table.
 */
export class StoredPassword {
	readonly #config: ConfigTable;
	readonly #copyFile: string;
	/** Written by S06provisioning. */
	readonly #provisionedFile: string;
	readonly #log: Log;
	/** What the table had last. */
	#known: Copy | undefined;
	/** For the two that replace the password. */
	readonly #mutex = new Mutex();

	constructor(config: ConfigTable, directory: string, log: Log) {
		this.#config = config;
		this.#copyFile = join(directory, "password.hash");
		this.#provisionedFile = join(directory, "provisioned-password");
		this.#log = log;
	}

	/**
	 * @returns undefined if the default password is in use.
	 * @throws DatabaseUnavailable if there is no copy either.
	 */
	async read(): Promise<PasswordHash | undefined> {
		if (existsSync(this.#provisionedFile)) {
			const hash = await this.#mutex.runExclusive(() =>
				this.#takeProvisioned(),
			);
			if (hash) return hash;
		}
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
	write(hash: PasswordHash): Promise<void> {
		return this.#mutex.runExclusive(() => this.#write(hash));
	}

	async #write(hash: PasswordHash): Promise<void> {
		await this.#config.write(settingName, hash);
		await this.#keep(hash);
		if (existsSync(this.#provisionedFile))
			await deleteFile(this.#provisionedFile);
	}

	/** While PostgreSQL is unavailable, the file stays and holds. */
	async #takeProvisioned(): Promise<PasswordHash | undefined> {
		const text = await readFileIfExists(this.#provisionedFile);
		if (text === undefined) return undefined;
		const parsed = cryptText.safeParse(text.trim());
		if (!parsed.success) {
			this.#log.error(`${this.#provisionedFile} contains no password's hash`);
			await deleteFile(this.#provisionedFile);
			return undefined;
		}
		const hash = { algorithm: "crypt", hash: parsed.data } as const;
		try {
			await this.#write(hash);
			this.#log.info("the password of the provisioning is set");
		} catch (error) {
			if (!(error instanceof DatabaseUnavailable))
				this.#log.warn(
					{ err: error },
					"the password of the provisioning stays in its file",
				);
		}
		return hash;
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
