import { createHash, randomBytes } from "node:crypto";
import type { ClientBase } from "pg";
import { addressKey } from "../../../sdk/address-key.ts";
import { AttemptLimiter } from "../../../sdk/attempt-limiter.ts";
import type { Database } from "../../database/database.ts";
import type { Token } from "../../operations/caller.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { tooManyAttempts } from "../login/login.ts";
import { OnceEmitter } from "../login/once-emitter.ts";

const tokenBytes = 32;
/** Makes a leaked token recognizable. */
const tokenPrefix = "appm_";
const maxTokens = 100;
/** The clock is checked this often: it may be set, and Node's timers are limited to 24 days. */
const maxTimerMs = 60_000;

export interface TokenStatus extends Token {
	createdAt: Date;
	/** To the minute. */
	lastUsedAt: Date | null;
}

/** API tokens. All methods throw DatabaseUnavailable while PostgreSQL is unavailable. */
export class Tokens {
	readonly #database: Database;
	readonly #log: Log;
	/** Separate from passwords: a script with an old token must not lock out logins on the page. */
	readonly #attempts = new AttemptLimiter();
	/** Closes WebSockets, by the token's id. */
	readonly #revocations = new OnceEmitter<number>();

	constructor(database: Database, log: Log) {
		this.#database = database;
		this.#log = log;
	}

	all(): Promise<TokenStatus[]> {
		return this.#database.query<TokenStatus>(
			`SELECT id, name, scopes, created_at AS "createdAt",
				last_used_at AS "lastUsedAt", expires_at AS "expiresAt"
			 FROM token ORDER BY name`,
		);
	}

	/**
	 * @returns the token itself, which is not stored.
	 * @throws OperationError if the name is in use or there are too many tokens.
	 */
	async create(
		definition: Omit<Token, "id">,
	): Promise<{ id: number; token: string }> {
		if ((await this.all()).length >= maxTokens)
			throw new OperationError(
				"conflict",
				"tooManyTokens",
				`There are already ${maxTokens} tokens. Revoke an unused one.`,
			);
		const token = `${tokenPrefix}${randomBytes(tokenBytes).toString("base64url")}`;
		const [row] = await this.#database.query<{ id: number }>(
			`INSERT INTO token (name, hash, scopes, expires_at) VALUES ($1, $2, $3, $4)
			 ON CONFLICT (name) DO NOTHING RETURNING id`,
			[definition.name, hashOf(token), definition.scopes, definition.expiresAt],
		);
		if (!row)
			throw new OperationError(
				"conflict",
				"nameInUse",
				`There is already a token named "${definition.name}"`,
			);
		this.#log.info({ ...definition, ...row }, "token created");
		return { ...row, token };
	}

	/** Also closes the token's WebSockets. @throws OperationError if there is no such token. */
	async revoke(id: number): Promise<void> {
		const [row] = await this.#database.query<{ name: string }>(
			"DELETE FROM token WHERE id = $1 RETURNING name",
			[id],
		);
		if (!row)
			throw new OperationError(
				"notFound",
				"noSuchToken",
				"There is no such token",
			);
		this.#log.info({ id, ...row }, "token revoked");
		this.#revocations.emit(id);
	}

	/** @returns undefined if the token is unknown, revoked or expired. */
	async find(text: string): Promise<Token | undefined> {
		const [row] = await this.#database.query<
			Token & { isUseNoted: boolean | null }
		>(
			`SELECT id, name, scopes, expires_at AS "expiresAt",
				last_used_at > now() - interval '1 minute' AS "isUseNoted"
			 FROM token WHERE hash = $1 AND (expires_at IS NULL OR expires_at > now())`,
			[hashOf(text)],
		);
		if (!row) return undefined;
		const { isUseNoted, ...token } = row;
		if (!isUseNoted) await this.#noteUse(token);
		return token;
	}

	/**
	 * @param address of the client.
	 * @throws OperationError if the token is wrong, 429 after too many wrong ones. A valid token
	 * is always accepted: clients that share an address do not lock each other out.
	 */
	async authenticate(
		text: string,
		address: string | undefined,
	): Promise<Token> {
		const token = await this.find(text);
		if (token) return token;
		const source = addressKey(address);
		const delayMs = this.#attempts.delayMs(source);
		if (delayMs > 0) throw tooManyAttempts(delayMs);
		this.#attempts.fail(source);
		this.#log.warn({ address }, "wrong token");
		throw new OperationError(
			"unauthenticated",
			"wrongToken",
			"The token is unknown, revoked or expired.",
		);
	}

	/**
	 * @param listener called when the token is revoked or expires.
	 * @returns a function that removes the listener.
	 */
	onInvalid({ id, expiresAt }: Token, listener: () => void): () => void {
		const removeListener = this.#revocations.once(id, listener);
		const cancel = expiresAt
			? scheduleAt(expiresAt.getTime(), listener)
			: () => {};
		return () => {
			removeListener();
			cancel();
		};
	}

	/** Ignores failures: the token is valid even if the database is read-only. */
	async #noteUse({ id, name }: Token): Promise<void> {
		await this.#database
			.query("UPDATE token SET last_used_at = now() WHERE id = $1", [id])
			.catch((error) =>
				this.#log.debug(
					{ err: error, name },
					"the last use of a token could not be stored",
				),
			);
	}
}

function hashOf(token: string): Buffer {
	return createHash("sha256").update(token).digest();
}

/** Calls a function at a time in ms since 1970. @returns a function that cancels it. */
function scheduleAt(timeMs: number, work: () => void): () => void {
	let timer: NodeJS.Timeout;
	const wait = () => {
		const leftMs = timeMs - Date.now();
		timer =
			leftMs <= maxTimerMs
				? setTimeout(work, leftMs)
				: setTimeout(wait, maxTimerMs);
	};
	wait();
	return () => clearTimeout(timer);
}

/** Stores only the SHA-256 of a token: tokens are long and random, so the hash does not reveal them. */
export async function createTokenTable(client: ClientBase): Promise<void> {
	await client.query(`CREATE TABLE token (
		id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		name text NOT NULL UNIQUE,
		hash bytea NOT NULL UNIQUE,
		scopes text[] NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now(),
		last_used_at timestamptz,
		expires_at timestamptz
	)`);
}
