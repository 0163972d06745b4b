import { createHash, randomBytes } from "node:crypto";
import type { Database } from "../../database/database.ts";
import type { Token } from "../../operations/caller.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { Attempts } from "../login/attempts.ts";
import { Endings } from "../login/endings.ts";
import { atTime } from "./at-time.ts";

const tokenBytes = 32;
/** So that a token that lies about somewhere is known for one. */
const tokenPrefix = "appm_";
const mostTokens = 100;

export interface TokenStatus extends Token {
	createdAt: Date;
	/** To the minute. */
	lastUsedAt: Date | null;
}

/** Everything throws DatabaseUnavailable while PostgreSQL is away. */
export class Tokens {
	readonly #database: Database;
	readonly #log: Log;
	/** Counted apart from passwords: a script with an old token keeps nobody from the page. */
	readonly #attempts = new Attempts();
	/** Of WebSockets, by the token's id. */
	readonly #endings = new Endings<number>();

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
	 * @returns the token itself, which is not kept.
	 * @throws OperationError where the name is in use, or there are too many.
	 */
	async create(
		wanted: Omit<Token, "id">,
	): Promise<{ id: number; token: string }> {
		if ((await this.all()).length >= mostTokens)
			throw new OperationError(
				"conflict",
				"tooManyTokens",
				`There are ${mostTokens} tokens already: revoke one that is not used`,
			);
		const token = `${tokenPrefix}${randomBytes(tokenBytes).toString("base64url")}`;
		const [row] = await this.#database.query<{ id: number }>(
			`INSERT INTO token (name, hash, scopes, expires_at) VALUES ($1, $2, $3, $4)
			 ON CONFLICT (name) DO NOTHING RETURNING id`,
			[wanted.name, hashOf(token), wanted.scopes, wanted.expiresAt],
		);
		if (!row)
			throw new OperationError(
				"conflict",
				"nameInUse",
				`There is a token named "${wanted.name}" already`,
			);
		this.#log.info({ ...wanted, ...row }, "a token was made");
		return { ...row, token };
	}

	/** Its WebSockets are cut off. @throws OperationError where there is none. */
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
		this.#log.info({ id, ...row }, "a token was revoked");
		this.#endings.end(id);
	}

	/** @returns undefined where it is none, was revoked or has expired. */
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
	 * @param address of who shows it.
	 * @throws OperationError where it is wrong; 429 where that was so too often. A right one
	 * counts all the same: those who share an address do not shut each other out.
	 */
	async authenticate(
		text: string,
		address: string | undefined,
	): Promise<Token> {
		const token = await this.find(text);
		if (token) return token;
		await this.#attempts.count(address);
		this.#log.warn({ address }, "wrong token");
		throw new OperationError(
			"unauthenticated",
			"wrongToken",
			"The token is not right, was revoked or has expired.",
		);
	}

	/** @param end called once the token no longer counts. @returns what takes that back. */
	whenEnded({ id, expiresAt }: Token, end: () => void): () => void {
		const forget = this.#endings.add(id, end);
		const stop = expiresAt ? atTime(expiresAt.getTime(), end) : () => {};
		return () => {
			forget();
			stop();
		};
	}

	/** It counts also where that cannot be written: in a database that is read-only. */
	async #noteUse({ id, name }: Token): Promise<void> {
		await this.#database
			.query("UPDATE token SET last_used_at = now() WHERE id = $1", [id])
			.catch((error) =>
				this.#log.debug(
					{ err: error, name },
					"the use of a token is not noted",
				),
			);
	}
}

function hashOf(token: string): Buffer {
	return createHash("sha256").update(token).digest();
}
