import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Mutex } from "async-mutex";
import { addressKey } from "../../../sdk/address-key.ts";
import { AttemptLimiter } from "../../../sdk/attempt-limiter.ts";
import type { Session } from "../../operations/caller.ts";
import type { ConfigTable } from "../../settings/config-table.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Log } from "../../shared/log.ts";
import { makeDirectory } from "../../shared/make-directory.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { writeSecretFile } from "../../shared/secret-file.ts";
import type { MachineKey } from "../../shared/secrets.ts";
import { CheckQueue, type Lane } from "./check-queue.ts";
import { DigestPassword } from "./digest-password.ts";
import { InsideAddresses } from "./inside-addresses.ts";
import { KnownClients } from "./known-clients.ts";
import { OnceEmitter } from "./once-emitter.ts";
import { hashPassword, type PasswordHash, verifyPassword } from "./password.ts";
import { Sessions } from "./sessions.ts";
import { StoredPassword } from "./stored-password.ts";

/** Valid until another password is stored; documented. */
export const defaultPassword = "pwd";

/** Who logs in. */
export interface LoginClient {
	/** IP address. */
	address: string | undefined;
	/** The token of its cookie, if the browser has logged in before. */
	browser?: string | undefined;
}

/** What a browser keeps in its cookies. */
export interface LoginTokens {
	session: string;
	browser: string;
}

/**
 * The manager's password and the logins with it. Nobody can lock out the administrator: wrong passwords slow down only
 * the browser or the address that they come from, and all together only those that have never logged in.
 */
export class Login {
	readonly #storedPassword: StoredPassword;
	readonly #log: Log;
	readonly #attempts = new AttemptLimiter();
	/** Attempts that were dropped from a full queue. They may be repeated, but not at once. */
	readonly #drops = new AttemptLimiter({ freeFailures: 1, maxDelayMs: 2_000 });
	readonly #checks = new CheckQueue();
	readonly #inside = new InsideAddresses();
	readonly #knownClients: KnownClients;
	readonly #sessions = new Sessions();
	readonly #digestPassword: DigestPassword;
	/** Logs out clients that logged in by digest. */
	readonly #logouts = new OnceEmitter<"digest">();
	#defaultHash: Promise<PasswordHash> | undefined;
	/** For changes of the password. */
	readonly #mutex = new Mutex();
	/** Counts changes of the password: a check that one overtakes is void. */
	#changes = 0;

	/**
	 * @param directory for secrets.
	 * @param key encrypts the recoverable password.
	 */
	constructor(
		config: ConfigTable,
		settings: Settings,
		directory: string,
		key: MachineKey,
		log: Log,
	) {
		this.#storedPassword = new StoredPassword(config, directory, log);
		this.#digestPassword = new DigestPassword(config, settings, key);
		this.#knownClients = new KnownClients(
			join(directory, "known-clients.json"),
			log,
		);
		this.#log = log;
		settings.watch("sharedAddressSpaceIsInside", (isInside) => {
			this.#inside.includesSharedAddressSpace = isInside;
			void this.#mutex.runExclusive(() => this.#tellSsh(directory, isInside));
		});
	}

	/** @throws DatabaseUnavailable */
	async isDefaultPassword(): Promise<boolean> {
		return (await this.#storedPassword.read()) === undefined;
	}

	/**
	 * @throws OperationError if the password is wrong, after too many attempts, or if the default
	 * password is still in use and the request comes from outside; DatabaseUnavailable.
	 */
	async logIn(password: string, client: LoginClient): Promise<LoginTokens> {
		const { address } = client;
		const stored = await this.#check(password, client);
		const session = this.#sessions.begin(stored === undefined);
		this.#log.info({ address }, "logged in");
		if (stored)
			await this.#mutex.runExclusive(async () =>
				this.#storeForDigests(
					password,
					await this.#replaceCrypt(password, stored),
				),
			);
		return { session, browser: await this.#remember(client) };
	}

	/**
	 * For clients that prove with a digest that they know the password.
	 * @param matches whether the client's digest is that of a password.
	 * @param onLogout called when the login is no longer valid.
	 * @returns a function to call when the client has disconnected.
	 * @throws as `logIn` does, and OperationError if such logins are disabled or the password
	 * cannot be recovered.
	 */
	async logInByDigest(
		matches: (password: string) => boolean,
		address: string | undefined,
		onLogout: () => void,
	): Promise<() => void> {
		await this.#attempt({ address }, async () => {
			if (!(await this.#digestPassword.isAllowed()))
				throw new OperationError(
					"forbidden",
					"appWebsocketOff",
					"AppWebsocket logins are disabled.",
				);
			const stored = await this.#storedPassword.read();
			this.#refuseDefaultFromOutside(stored, address);
			const password = stored
				? await this.#digestPassword.read(stored)
				: defaultPassword;
			if (password === undefined)
				throw new OperationError(
					"conflict",
					"passwordNotReadable",
					"AppWebsocket logins work after the next login on the manager's page.",
				);
			return matches(password);
		});
		// Immediately after the check: no change of the password comes between.
		const removeListener = this.#logouts.once("digest", onLogout);
		this.#log.info({ address }, "logged in by AppWebsocket");
		await this.#knownClients.rememberAddress(address);
		return removeListener;
	}

	/** Whether somebody has logged in from the address before. */
	isKnownAddress(address: string | undefined): boolean {
		return this.#knownClients.hasAddress(address);
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
	 * @returns the tokens of a new session for the caller.
	 * @throws OperationError, DatabaseUnavailable, and errors of `onVerified`.
	 */
	changePassword(
		current: string,
		next: string,
		client: LoginClient,
		onVerified: (password: string) => Promise<void> = async () => {},
	): Promise<LoginTokens> {
		return this.#mutex.runExclusive(async () => {
			if (next === defaultPassword)
				throw new OperationError(
					"invalid",
					"defaultPassword",
					"The new password must not be the default password.",
				);
			await this.#check(current, client);
			const hash = await hashPassword(next);
			await onVerified(next);
			await this.#storedPassword.write(hash);
			this.#changes += 1;
			this.#sessions.endAll();
			this.#logouts.emit("digest");
			await this.#storeForDigests(next, hash);
			this.#log.info({ address: client.address }, "password changed");
			const session = this.#sessions.begin(false);
			return { session, browser: await this.#remember(client) };
		});
	}

	/** @returns the session of a token, unless it has ended or must not be used from the address. */
	findSession(
		token: string | undefined,
		address: string | undefined,
	): Session | undefined {
		if (token === undefined) return undefined;
		const session = this.#sessions.find(token);
		if (session?.usedDefaultPassword && !this.#inside.has(address))
			return undefined;
		return session;
	}

	/** @returns the verified password, undefined if it is the default one. */
	async #check(
		password: string,
		client: LoginClient,
	): Promise<PasswordHash | undefined> {
		let stored: PasswordHash | undefined;
		await this.#attempt(client, async () => {
			stored = await this.#storedPassword.read();
			this.#refuseDefaultFromOutside(stored, client.address);
			this.#defaultHash ??= hashPassword(defaultPassword);
			return verifyPassword(password, stored ?? (await this.#defaultHash));
		});
		return stored;
	}

	/** @throws OperationError if the password is wrong or must not be checked yet, and errors of `isCorrect`. */
	async #attempt(
		client: LoginClient,
		isCorrect: () => Promise<boolean>,
	): Promise<void> {
		const { address } = client;
		const { source, lane } = this.#sourceOf(client);
		const assertAllowed = () => {
			const delayMs = this.#attempts.delayMs(source);
			if (delayMs > 0) throw tooManyAttempts(delayMs);
		};
		assertAllowed();
		const dropDelayMs = this.#drops.delayMs(source);
		if (dropDelayMs > 0) throw tooManyAttempts(dropDelayMs);
		const rank = () =>
			this.#attempts.failures(source) + this.#drops.failures(source);
		const attempt = { lane, source, rank };
		const result = await this.#checks.run(attempt, async () => {
			assertAllowed(); // Earlier attempts of the same source may have failed meanwhile.
			const changes = this.#changes;
			const ok = (await isCorrect()) && changes === this.#changes;
			if (!ok) this.#attempts.fail(source);
			return ok;
		});
		if (result) return;
		if (result === undefined) {
			this.#drops.fail(source);
			throw tooManyAttempts(this.#drops.delayMs(source));
		}
		this.#log.warn({ address }, "wrong password");
		throw new OperationError(
			"unauthenticated",
			"wrongPassword",
			"The password is wrong.",
		);
	}

	/** A known browser that has to wait counts as its address: it may be somebody else who has the cookie. */
	#sourceOf({ address, browser }: LoginClient): { source: string; lane: Lane } {
		const known = this.#knownClients.findBrowser(browser);
		if (known !== undefined) {
			const source = `browser ${known}`;
			if (this.#attempts.delayMs(source) === 0)
				return { source, lane: "knownBrowser" };
		}
		const source = `address ${addressKey(address)}`;
		if (this.#knownClients.hasAddress(address))
			return { source, lane: "knownAddress" };
		const isInside = this.#inside.has(address);
		return { source, lane: isInside ? "insideStranger" : "outsideStranger" };
	}

	async #remember({ address, browser }: LoginClient): Promise<string> {
		await this.#knownClients.rememberAddress(address);
		return this.#knownClients.rememberBrowser(browser);
	}

	/** The file tells the guard of SSH what counts as inside: see default-passwords.sh. */
	async #tellSsh(directory: string, isInside: boolean): Promise<void> {
		const file = join(directory, "shared-address-space-is-inside");
		try {
			await makeDirectory(directory, 0o700);
			if (isInside) await writeSecretFile(file, "");
			else await rm(file, { force: true });
		} catch (error) {
			this.#log.warn(
				{ err: error, file },
				"SSH does not learn whether 100.64.0.0/10 is inside",
			);
		}
	}

	/**
	 * Replaces crypt's hash of the verified password by a stronger one. A failure does not fail the login.
	 * @returns the hash in use.
	 */
	async #replaceCrypt(
		password: string,
		stored: PasswordHash,
	): Promise<PasswordHash> {
		if (stored.algorithm !== "crypt") return stored;
		try {
			const current = await this.#storedPassword.read();
			if (current?.hash !== stored.hash) return stored;
			const hash = await hashPassword(password);
			await this.#storedPassword.write(hash);
			return hash;
		} catch (error) {
			this.#log.warn(
				{ err: error },
				"the hash of the password is not replaced",
			);
			return stored;
		}
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

	/** Independent of the password: the answer must not reveal whether it is correct. */
	#refuseDefaultFromOutside(
		stored: PasswordHash | undefined,
		address: string | undefined,
	): void {
		if (stored === undefined && !this.#inside.has(address))
			throw new OperationError(
				"forbidden",
				"defaultPasswordFromOutside",
				"The default password must be changed from the local network before anyone can log in from outside.",
			);
	}
}

export function tooManyAttempts(delayMs: number): OperationError {
	const retryAfterSeconds = Math.ceil(delayMs / 1000);
	return new OperationError(
		"tooManyAttempts",
		"tooManyAttempts",
		`Too many wrong passwords. Try again in ${retryAfterSeconds} s.`,
		{ retryAfterSeconds },
	);
}
