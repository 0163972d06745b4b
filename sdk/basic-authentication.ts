import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { addressKey } from "./address-key.ts";

const maxFailuresPerAddress = 10;
const windowSeconds = 5 * 60;

/** HTTP Basic authentication with one password and any user name. Failures are limited per address. */
export class BasicAuthentication {
	readonly #password: Buffer;
	readonly #realm: string;
	readonly #failures = new RateLimiterMemory({
		points: maxFailuresPerAddress,
		duration: windowSeconds,
	});

	/** @param realm shown by browsers; must not contain quotes. */
	constructor(password: string, realm: string) {
		this.#password = digest(password);
		this.#realm = realm;
	}

	/** @returns whether the request is authenticated; otherwise it has been answered with 401 or 429. */
	async admits(
		request: IncomingMessage,
		response: ServerResponse,
	): Promise<boolean> {
		const key = addressKey(request.headers["x-forwarded-for"]?.toString());
		const given = passwordOf(request.headers.authorization);
		const isValid =
			given !== undefined && timingSafeEqual(digest(given), this.#password);
		// Clients send their first request without a password: that is not a failure.
		if (given !== undefined && !isValid) await this.#failures.penalty(key);
		const state = await this.#failures.get(key);
		if (state && state.consumedPoints > maxFailuresPerAddress) {
			const seconds = Math.ceil(state.msBeforeNext / 1000);
			response.writeHead(429, { "retry-after": String(seconds) }).end();
			return false;
		}
		if (!isValid)
			response
				.writeHead(401, {
					"www-authenticate": `Basic realm="${this.#realm}", charset="UTF-8"`,
				})
				.end();
		return isValid;
	}
}

/** timingSafeEqual needs equal lengths, whatever the lengths of the passwords. */
function digest(password: string): Buffer {
	return createHash("sha256").update(password.normalize("NFC")).digest();
}

/** The part after the first colon: a user name has none. */
function passwordOf(authorization: string | undefined): string | undefined {
	const [, encoded] = /^Basic +(\S+)$/i.exec(authorization ?? "") ?? [];
	if (encoded === undefined) return undefined;
	const decoded = Buffer.from(encoded, "base64").toString();
	return decoded.slice(decoded.indexOf(":") + 1);
}
