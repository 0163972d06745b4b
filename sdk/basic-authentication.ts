import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { GuessLimiter } from "./guess-limiter.ts";

/**
 * HTTP Basic authentication with one password and any user name. Guesses are limited per address, which is that of
 * X-Forwarded-For: App Platform's web server sets it.
 */
export class BasicAuthentication {
	readonly #password: Buffer;
	readonly #realm: string;
	readonly #guesses: GuessLimiter;

	/**
	 * @param realm shown by browsers; must not contain quotes.
	 * @param guesses shared with other ways to use the same password.
	 */
	constructor(password: string, realm: string, guesses = new GuessLimiter()) {
		this.#guesses = guesses;
		this.#password = digest(password);
		this.#realm = realm;
	}

	/** @returns whether the request is authenticated; otherwise it has been answered with 401 or 429. */
	async admits(
		request: IncomingMessage,
		response: ServerResponse,
	): Promise<boolean> {
		const given = credentialsOf(request.headers.authorization);
		// Clients send their first request without a password: that is not a failure.
		if (given === undefined) return this.#refuse(response);
		const address = request.headers["x-forwarded-for"]?.toString();
		const guesser = { address, client: given.user };
		const delayMs = this.#guesses.delayMs(guesser);
		if (delayMs > 0) {
			const seconds = Math.ceil(delayMs / 1000);
			response.writeHead(429, { "retry-after": String(seconds) }).end();
			return false;
		}
		if (timingSafeEqual(digest(given.password), this.#password)) {
			this.#guesses.succeed(guesser);
			return true;
		}
		this.#guesses.fail(guesser, given.password);
		return this.#refuse(response);
	}

	#refuse(response: ServerResponse): false {
		response
			.writeHead(401, {
				"www-authenticate": `Basic realm="${this.#realm}", charset="UTF-8"`,
			})
			.end();
		return false;
	}
}

/** timingSafeEqual needs equal lengths, whatever the lengths of the passwords. */
function digest(password: string): Buffer {
	return createHash("sha256").update(password.normalize("NFC")).digest();
}

/** A user name has no colon. */
function credentialsOf(
	authorization: string | undefined,
): { user: string; password: string } | undefined {
	const [, encoded] = /^Basic +(\S+)$/i.exec(authorization ?? "") ?? [];
	if (encoded === undefined) return undefined;
	const decoded = Buffer.from(encoded, "base64").toString();
	const colon = decoded.indexOf(":");
	return {
		user: decoded.slice(0, Math.max(colon, 0)),
		password: decoded.slice(colon + 1),
	};
}
