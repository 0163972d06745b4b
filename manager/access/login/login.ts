import { Mutex } from "async-mutex";
import type { Session } from "../../operations/caller.ts";
import type { ConfigTable } from "../../settings/config-table.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { AttemptLimiter } from "./attempt-limiter.ts";
import { DigestPassword } from "./digest-password.ts";
import { OnceEmitter } from "./once-emitter.ts";
import {
	hashPassword,
	type PasswordHash,
	passwordHash,
	verifyPassword,
} from "./password.ts";
import { isPrivateAddress } from "./private-addresses.ts";
import { Sessions } from "./sessions.ts";

/** Valid until another password is stored; documented. */
export const defaultPassword = "pwd";
const settingName = "password";

/** The manager's password and the logins with it. */
export class Login {
	readonly #config: ConfigTable;
	readonly #log: Log;
	readonly #attempts = new AttemptLimiter();
	readonly #sessions = new Sessions();
	readonly #digestPassword: DigestPassword;
	/** Logs out clients that logged in by digest. */
	readonly #logouts = new OnceEmitter<"digest">();
	#defaultHash: Promise<PasswordHash> | undefined;
	/** Serialized because a check takes 16 MB and must not overlap with a change. */
	readonly #mutex = new Mutex();

	/** @param keyFile the key that encrypts the recoverable password. */
	constructor(
		config: ConfigTable,
		settings: Settings,
		keyFile: string,
		log: Log,
	) {
		this.#config = config;
		this.#digestPassword = new DigestPassword(config, settings, keyFile);
		this.#log = log;
	}

	/** @throws DatabaseUnavailable */
	async isDefaultPassword(): Promise<boolean> {
		return (await this.#storedHash()) === undefined;
	}

	/**
	 * @returns the token of a new session.
	 * @throws OperationError if the password is wrong, after too many attempts, or if the default
	 * password is still in use and the request comes from outside; DatabaseUnavailable.
	 */
	logIn(password: string, address: string | undefined): Promise<string> {
		return this.#mutex.runExclusive(async () => {
			const stored = await this.#storedHash();
			refuseDefaultFromOutside(stored, address);
			await this.#check(password, stored, address);
			this.#log.info({ address }, "logged in");
			if (stored) await this.#storeForDigests(password, stored);
			return this.#sessions.begin(stored === undefined);
		});
	}

	/**
	 * For clients that prove with a digest that they know the password.
	 * @param matches whether the client's digest is that of a password.
	 * @param onLogout called when the login is no longer valid.
	 * @returns a function to call when the client has disconnected.
	 * @throws as `logIn` does, and OperationError if such logins are disabled or the password
	 * cannot be recovered.
	 */
	logInByDigest(
		matches: (password: string) => boolean,
		address: string | undefined,
		onLogout: () => void,
	): Promise<() => void> {
		return this.#mutex.runExclusive(async () => {
			if (!(await this.#digestPassword.isAllowed()))
				throw new OperationError(
					"forbidden",
					"appWebsocketOff",
					"AppWebsocket logins are disabled.",
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
					"AppWebsocket logins work after the next login on the manager's page.",
				);
			await this.#attempt(address, async () => matches(password));
			this.#log.info({ address }, "logged in by AppWebsocket");
			return this.#logouts.once("digest", onLogout);
		});
	}

	/** @throws DatabaseUnavailable */
	async isDigestLoginAllowed(): Promise<boolean> {
		return this.#digestPassword.isAllowed();
	}

	/** Disconnects clients that logged in by digest when disabled. @throws DatabaseUnavailable */
	setDigestLoginAllowed(allowed: boolean): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			await this.#digestPassword.setAllowed(allowed);
			if (!allowed) this.#logouts.emit("digest");
		});
	}

	logOut(session: Session): void {
		this.#sessions.end(session);
	}

	/**
	 * Ends all sessions: everybody has to log in with the new password.
	 * @param onVerified called with the new password once the current one is verified. If it
	 * fails, the manager's password does not change.
	 * @returns the token of a new session for the caller.
	 * @throws OperationError, DatabaseUnavailable, and errors of `onVerified`.
	 */
	changePassword(
		current: string,
		next: string,
		address: string | undefined,
		onVerified: (password: string) => Promise<void> = async () => {},
	): Promise<string> {
		return this.#mutex.runExclusive(async () => {
			if (next === defaultPassword)
				throw new OperationError(
					"invalid",
					"defaultPassword",
					"The new password must not be the default password.",
				);
			await this.#check(current, await this.#storedHash(), address);
			const hash = await hashPassword(next);
			await onVerified(next);
			await this.#config.write(settingName, hash);
			this.#sessions.endAll();
			this.#logouts.emit("digest");
			await this.#storeForDigests(next, hash);
			this.#log.info({ address }, "password changed");
			return this.#sessions.begin(false);
		});
	}

	/** @returns the session of a token, unless it has ended or must not be used from the address. */
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
		isCorrect: () => Promise<boolean>,
	): Promise<void> {
		await this.#attempts.count(address);
		if (!(await isCorrect())) {
			this.#log.warn({ address }, "wrong password");
			throw new OperationError(
				"unauthenticated",
				"wrongPassword",
				"The password is wrong.",
			);
		}
		await this.#attempts.forgive(address);
	}

	/** A failure does not fail the login: the disk may be full or the database read-only. */
	async #storeForDigests(password: string, hash: PasswordHash): Promise<void> {
		try {
			await this.#digestPassword.store(password, hash);
		} catch (error) {
			this.#log.warn(
				{ err: error },
				"AppWebsocket logins are unavailable: the password could not be stored for them",
			);
		}
	}

	#storedHash(): Promise<PasswordHash | undefined> {
		return this.#config.read(settingName, passwordHash);
	}
}

/** Independent of the password: the answer must not reveal whether it is correct. */
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
