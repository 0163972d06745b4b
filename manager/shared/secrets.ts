import { readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Mutex } from "async-mutex";
import { makeDirectory } from "./make-directory.ts";
import { OperationError } from "./operation-error.ts";
import {
	createSealingKey,
	isSealed,
	type SealingKey,
	sealText,
	toSealingKey,
	unsealText,
} from "./seal.ts";
import { writeSecretFile } from "./secret-file.ts";

/**
 * The key of this machine: a file that only the manager's user can read. Beside it may be an old one, `….old`, whose
 * secrets are sealed again with the new one.
 */
export class MachineKey {
	readonly file: string;
	readonly #mutex = new Mutex();

	constructor(file: string) {
		this.file = file;
	}

	/** @returns the key, or undefined if it is missing or damaged. */
	current(): Promise<SealingKey | undefined> {
		return readKey(this.file);
	}

	/** @returns undefined if there is none. */
	old(): Promise<SealingKey | undefined> {
		return readKey(this.#oldFile);
	}

	async deleteOld(): Promise<void> {
		await rm(this.#oldFile, { force: true });
	}

	/** Creates the key if there is none; it is on the disk before anything is sealed with it. */
	currentOrNew(): Promise<SealingKey> {
		return this.#mutex.runExclusive(async () => {
			const existing = await this.current();
			if (existing) return existing;
			await makeDirectory(dirname(this.file), 0o700);
			// Perhaps somebody can repair a damaged one.
			await rename(this.file, `${this.file}.damaged`).catch(ignoreMissing);
			const key = createSealingKey();
			await writeSecretFile(this.file, key.bytes);
			return key;
		});
	}

	get #oldFile(): string {
		return `${this.file}.old`;
	}
}

async function readKey(file: string): Promise<SealingKey | undefined> {
	const bytes = await readFile(file).catch(ignoreMissing);
	return bytes && toSealingKey(bytes);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
	if (error.code !== "ENOENT") throw error;
}

/** A column of the manager's database that contains secrets. */
export interface SecretColumn {
	/** What they are, in a sentence. */
	title: string;
	table: string;
	/** The column that identifies a row. */
	key: string;
	column: string;
	/** Whether values are JSON: objects, or strings if they are sealed. */
	isJson: boolean;
	/** The row with the secret, if others have none. */
	row?: string;
}

/** The place for which a secret is sealed. */
export function placeOf(
	{ table, column }: Pick<SecretColumn, "table" | "column">,
	row: string | number,
): string {
	return `manager/${table}/${row}/${column}`;
}

/** A secret was sealed with a key that is not there, for another place, or altered. */
export class SecretUnreadable extends OperationError {
	constructor(what: string) {
		super(
			"conflict",
			"secretUnreadable",
			`${what} cannot be read: it was sealed with another key than this machine's. Restore the file of the key (see the alarm), or enter the secret again`,
		);
	}
}

/** Seals the secrets of the manager's database, and reads them, sealed or not. */
export class Secrets {
	readonly key: MachineKey;
	/**
	 * False until the system is confirmed, and once it is to be replaced by an older one: older systems read only
	 * secrets that are not sealed.
	 */
	isSealing = false;

	constructor(key: MachineKey) {
		this.key = key;
	}

	/** @returns what to store. */
	async toStored(secret: string, place: string): Promise<string> {
		if (!this.isSealing) return secret;
		return sealText(secret, await this.key.currentOrNew(), place);
	}

	/**
	 * @returns a function that returns the secret which is stored at a place, also one that somebody has written with
	 * `psql`; undefined if it cannot be read.
	 */
	async reader(): Promise<
		(stored: string, place: string) => string | undefined
	> {
		const keys = [await this.key.current(), await this.key.old()];
		return (stored, place) => {
			if (!isSealed(stored)) return stored;
			for (const key of keys) {
				const secret = key && unsealText(stored, key, place);
				if (secret !== undefined) return secret;
			}
			return undefined;
		};
	}
}
