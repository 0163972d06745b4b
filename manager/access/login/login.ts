import { Mutex } from "async-mutex";
import type { Session } from "../../operations/caller.ts";
import type { Config } from "../../settings/config.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { Attempts } from "./attempts.ts";
import { DigestPassword } from "./digest-password.ts";
import { Endings } from "./endings.ts";
import {
	hashPassword,
	type PasswordHash,
	passwordHash,
	verifyPassword,
} from "./password.ts";
import { isPrivateAddress } from "./private-addresses.ts";
import { Sessions } from "./sessions.ts";

/** Counts until another password is stored; printed in the documents. */
export const defaultPassword = "pwd";
const settingName = "password";

/** The one password of the manager, and who is logged in with it. */
export class Login {
	readonly #config: Config;
	readonly #log: Log;
	readonly #attempts = new Attempts();
	readonly #sessions = new Sessions();
	readonly #digestPassword: DigestPassword;
	/** Of logins by digest. */
	readonly #endings = new Endings<"digest">();
	#defaultHash: Promise<PasswordHash> | undefined;
	/** A check takes 16 MB, and must not meet a change half-way. */
	readonly #mutex = new Mutex();

	/** @param keyFile where the key is kept that lets the password be read back. */
	constructor(config: Config, keyFile: string, log: Log) {
		this.#config = config;
		this.#digestPassword = new DigestPassword(config, keyFile);
		this.#log = log;
	}

	/** @throws DatabaseUnavailable */
	async isDefaultPassword(): Promise<boolean> {
		return (await this.#storedHash()) === undefined;
	}

	/**
	 * @returns the token of a new session.
	 * @throws OperationError where the password is wrong, was tried too often, or is the
	 * default one and comes from outside; DatabaseUnavailable.
	 */
	logIn(password: string, address: string | undefined): Promise<string> {
		return this.#mutex.runExclusive(async () => {
			const stored = await this.#storedHash();
			refuseDefaultFromOutside(stored, address);
			await this.#check(password, stored, address);
			this.#log.info({ address }, "logged in");
			if (stored) await this.#keepForDigests(password, stored);
			return this.#sessions.begin(stored === undefined);
		});
	}

	/**
	 * For clients that show by a digest that they know the password.
	 * @param fits whether the digest is that of a password.
	 * @param end called when who is logged in now no longer is.
	 * @returns to be called when the client has gone.
	 * @throws as `logIn` does, and OperationError where such logins are off, or the password
	 * cannot be read back.
	 */
	logInByDigest(
		fits: (password: string) => boolean,
		address: string | undefined,
		end: () => void,
	): Promise<() => void> {
		return this.#mutex.runExclusive(async () => {
			if (!(await this.#digestPassword.isAllowed()))
				throw new OperationError(
					"forbidden",
					"appWebsocketOff",
					"Logins by AppWebsocket are switched off.",
				);
			const stored = await this.#storedHash();
			refuseDefaultFromOutside(stored, address);
			const password = stored
				? await this.#digestPassword.read(stored)
				: defaultPassword;
			if (password === undefined)
				throw new OperationError(
					"conflict",
					"passwordNotReadable",
					"Logins by AppWebsocket work after the next login on the manager's page.",
				);
			await this.#attempt(address, async () => fits(password));
			this.#log.info({ address }, "logged in by AppWebsocket");
			return this.#endings.add("digest", end);
		});
	}

	/** @throws DatabaseUnavailable */
	async areDigestsAllowed(): Promise<boolean> {
		return this.#digestPassword.isAllowed();
	}

	/** Where they are not, who is logged in by one is cut off. @throws DatabaseUnavailable */
	allowDigests(allowed: boolean): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			await this.#digestPassword.allow(allowed);
			if (!allowed) this.#endings.end("digest");
		});
	}

	logOut(session: Session): void {
		this.#sessions.end(session);
	}

	/**
	 * Everybody has to log in again with the new password.
	 * @param first what else gets the new password, once the current one is found right. Where
	 * that fails, the manager's stays.
	 * @returns the token of a new session for who changed it.
	 * @throws OperationError, DatabaseUnavailable, and what `first` throws.
	 */
	changePassword(
		current: string,
		next: string,
		address: string | undefined,
		first: (password: string) => Promise<void> = async () => {},
	): Promise<string> {
		return this.#mutex.runExclusive(async () => {
			if (next === defaultPassword)
				throw new OperationError(
					"invalid",
					"defaultPassword",
					"The new password must not be the default one.",
				);
			await this.#check(current, await this.#storedHash(), address);
			const hash = await hashPassword(next);
			await first(next);
			await this.#config.write(settingName, hash);
			this.#sessions.endAll();
			this.#endings.end("digest");
			await this.#keepForDigests(next, hash);
			this.#log.info({ address }, "the password was changed");
			return this.#sessions.begin(false);
		});
	}

	/** @returns the session of a token, unless it is over or may not be used from there. */
	findSession(
		token: string | undefined,
		address: string | undefined,
	): Session | undefined {
		if (token === undefined) return undefined;
		const session = this.#sessions.find(token);
		if (session?.usedDefaultPassword && !isPrivateAddress(address))
			return undefined;
		return session;
	}

	async #check(
		password: string,
		stored: PasswordHash | undefined,
		address: string | undefined,
	): Promise<void> {
		await this.#attempt(address, async () => {
			this.#defaultHash ??= hashPassword(defaultPassword);
			return verifyPassword(password, stored ?? (await this.#defaultHash));
		});
	}

	async #attempt(
		address: string | undefined,
		isRight: () => Promise<boolean>,
	): Promise<void> {
		await this.#attempts.count(address);
		if (!(await isRight())) {
			this.#log.warn({ address }, "wrong password");
			throw new OperationError(
				"unauthenticated",
				"wrongPassword",
				"The password is not right.",
			);
		}
		await this.#attempts.forgive(address);
	}

	/** Nobody is kept out because that fails: on a full disk, in a database that is read-only. */
	async #keepForDigests(password: string, hash: PasswordHash): Promise<void> {
		try {
			await this.#digestPassword.keep(password, hash);
		} catch (error) {
			this.#log.warn(
				{ err: error },
				"no logins by AppWebsocket: the password could not be kept for them",
			);
		}
	}

	#storedHash(): Promise<PasswordHash | undefined> {
		return this.#config.read(settingName, passwordHash);
	}
}

/** Whatever the password: the answer must not tell whether it was right. */
function refuseDefaultFromOutside(
	stored: PasswordHash | undefined,
	address: string | undefined,
): void {
	if (stored === undefined && !isPrivateAddress(address))
		throw new OperationError(
			"forbidden",
			"defaultPasswordFromOutside",
			"The default password must be changed from the local network before anyone can log in from outside.",
		);
}
