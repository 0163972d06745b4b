import * as z from "zod";
import type { Config } from "../../settings/config.ts";
import { readKey, readOrMakeKey } from "./key-file.ts";
import type { PasswordHash } from "./password.ts";
import { seal, sealed, unseal } from "./sealed.ts";

const switchName = "appWebsocketLogin";
const sealedName = "passwordForDigests";

/**
 * The manager's password in a form that can be read back, since AppWebsocket clients send a
 * digest of it. It is encrypted: what is in the database and its copies is worth nothing
 * without the key, a file of the device. Beside another hash than the one that it was stored
 * with it does not count: whoever changes or deletes the password ends this one as well.
 */
export class DigestPassword {
	readonly #config: Config;
	readonly #keyFile: string;

	constructor(config: Config, keyFile: string) {
		this.#config = config;
		this.#keyFile = keyFile;
	}

	/** Whether logins by digest are wanted, which they are by default. @throws DatabaseUnavailable */
	async isAllowed(): Promise<boolean> {
		return (await this.#config.read(switchName, z.boolean())) ?? true;
	}

	/** Where they are not, the password is forgotten. @throws DatabaseUnavailable */
	async allow(allowed: boolean): Promise<void> {
		await this.#config.write(switchName, allowed);
		if (!allowed) await this.#config.remove(sealedName);
	}

	/**
	 * @param hash of the password that counts.
	 * @returns undefined where it is not known: it was set while logins by digest were off, by
	 * another manager, or with another key.
	 * @throws DatabaseUnavailable
	 */
	async read(hash: PasswordHash): Promise<string | undefined> {
		const stored = await this.#config.read(sealedName, sealed);
		const key = stored && (await readKey(this.#keyFile));
		return key && unseal(stored, key, hash.hash);
	}

	/** Where logins by digest are wanted. @throws DatabaseUnavailable, Error. */
	async keep(password: string, hash: PasswordHash): Promise<void> {
		if (!(await this.isAllowed())) return;
		if ((await this.read(hash)) !== undefined) return;
		const key = await readOrMakeKey(this.#keyFile);
		await this.#config.write(
			sealedName,
			seal(password.normalize("NFC"), key, hash.hash),
		);
	}
}
