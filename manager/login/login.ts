import type { Config } from "../config/config.ts";
import { Turn } from "../lifecycle/turn.ts";
import type { Log } from "../log/log.ts";
import { OperationError } from "../operations/operation.ts";
import { Attempts } from "./attempts.ts";
import {
	hashPassword,
	type PasswordHash,
	passwordHash,
	verifyPassword,
} from "./password.ts";
import { isPrivateAddress } from "./private-addresses.ts";
import { type Session, Sessions } from "./sessions.ts";

/** Counts until another password is stored; printed in the documents. */
export const defaultPassword = "pwd";
const settingName = "password";

/** The one password of the manager, and who is logged in with it. */
export class Login {
	readonly #config: Config;
	readonly #log: Log;
	readonly #attempts = new Attempts();
	readonly #sessions = new Sessions();
	#defaultHash: Promise<PasswordHash> | undefined;
	/** A check takes 16 MB, and must not meet a change half-way. */
	readonly #turn = new Turn();

	constructor(config: Config, log: Log) {
		this.#config = config;
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
		return this.#turn.take(async () => {
			const stored = await this.#storedHash();
			const usesDefault = stored === undefined;
			// Whatever the password: the answer must not tell whether it was right.
			if (usesDefault && !isPrivateAddress(address))
				throw new OperationError(
					403,
					"defaultPasswordFromOutside",
					"The default password must be changed from the local network before anyone can log in from outside.",
				);
			await this.#check(password, stored, address);
			this.#log.info({ address }, "logged in");
			return this.#sessions.begin(usesDefault);
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
		return this.#turn.take(async () => {
			if (next === defaultPassword)
				throw new OperationError(
					400,
					"defaultPassword",
					"The new password must not be the default one.",
				);
			await this.#check(current, await this.#storedHash(), address);
			const hash = await hashPassword(next);
			await first(next);
			await this.#config.write(settingName, hash);
			this.#sessions.endAll();
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
		await this.#attempts.count(address);
		this.#defaultHash ??= hashPassword(defaultPassword);
		const hash = stored ?? (await this.#defaultHash);
		if (!(await verifyPassword(password, hash))) {
			this.#log.warn({ address }, "wrong password");
			throw new OperationError(
				401,
				"wrongPassword",
				"The password is not right.",
			);
		}
		await this.#attempts.forgive(address);
	}

	#storedHash(): Promise<PasswordHash | undefined> {
		return this.#config.read(settingName, passwordHash);
	}
}
