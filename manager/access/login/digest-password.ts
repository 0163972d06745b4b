import type { ConfigTable } from "../../settings/config-table.ts";
import type { Settings } from "../../settings/settings.ts";
import { seal, sealed, unseal } from "../../shared/seal.ts";
import type { MachineKey } from "../../shared/secrets.ts";
import type { PasswordHash } from "./password.ts";

const sealedName = "passwordForDigests";

/**
 * The manager's password in recoverable form, since AppWebsocket clients send a digest of it.
 * It is encrypted: the database and its copies are useless without the key, a file on the
 * device. It is bound to the password's hash: changing or deleting the password invalidates it.
 */
export class DigestPassword {
	readonly #config: ConfigTable;
	readonly #settings: Settings;
	readonly #key: MachineKey;

	constructor(config: ConfigTable, settings: Settings, key: MachineKey) {
		this.#config = config;
		this.#settings = settings;
		this.#key = key;
	}

	/** Whether logins by digest are enabled, which is the default. @throws DatabaseUnavailable */
	isAllowed(): Promise<boolean> {
		return this.#settings.get("appWebsocketLogin");
	}

	/** Deletes the stored password when disabled. @throws DatabaseUnavailable */
	async setAllowed(allowed: boolean): Promise<void> {
		await this.#settings.set("appWebsocketLogin", allowed);
		if (!allowed) await this.#config.delete(sealedName);
	}

	/**
	 * @param hash of the current password.
	 * @returns undefined if the password is not stored or was stored for another hash or with
	 * another key, for instance because it was set while logins by digest were disabled.
	 * @throws DatabaseUnavailable
	 */
	async read(hash: PasswordHash): Promise<string | undefined> {
		const stored = await this.#config.read(sealedName, sealed);
		const key = stored && (await this.#key.current());
		return key && unseal(stored, key, hash.hash);
	}

	/** Stores the password if logins by digest are enabled. @throws DatabaseUnavailable, Error. */
	async store(password: string, hash: PasswordHash): Promise<void> {
		if (!(await this.isAllowed())) return;
		if ((await this.read(hash)) !== undefined) return;
		const key = await this.#key.currentOrNew();
		await this.#config.write(
			sealedName,
			seal(password.normalize("NFC"), key, hash.hash),
		);
	}
}
