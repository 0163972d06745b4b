import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { addressKey } from "./address-key.ts";

const wrongPerAddress = 10;
const windowSeconds = 5 * 60;

/** HTTP Basic with one password, whoever the user says to be. Wrong ones are limited per address. */
export class BasicAuthentication {
	readonly #password: Buffer;
	readonly #realm: string;
	readonly #wrong = new RateLimiterMemory({
		points: wrongPerAddress,
		duration: windowSeconds,
	});

	/** @param realm what browsers show; no quotes. */
	constructor(password: string, realm: string) {
		this.#password = digest(password);
		this.#realm = realm;
	}

	/** @returns whether the request may go on; otherwise it has been answered, 401 or 429. */
	async admits(
		request: IncomingMessage,
		response: ServerResponse,
	): Promise<boolean> {
		const key = addressKey(request.headers["x-forwarded-for"]?.toString());
		const given = passwordOf(request.headers.authorization);
		const isRight =
			given !== undefined && timingSafeEqual(digest(given), this.#password);
		// Clients ask once without a password before they send it: that is no guess.
		if (given !== undefined && !isRight) await this.#wrong.penalty(key);
		const state = await this.#wrong.get(key);
		if (state && state.consumedPoints > wrongPerAddress) {
			const seconds = Math.ceil(state.msBeforeNext / 1000);
			response.writeHead(429, { "retry-after": String(seconds) }).end();
			return false;
		}
		if (!isRight)
			response
				.writeHead(401, {
					"www-authenticate": `Basic realm="${this.#realm}", charset="UTF-8"`,
				})
				.end();
		return isRight;
	}
}

/** Of equal length, whatever the password's. */
function digest(password: string): Buffer {
	return createHash("sha256").update(password.normalize("NFC")).digest();
}

/** What is behind the user's name, which has no colon. */
function passwordOf(authorization: string | undefined): string | undefined {
	const [, encoded] = /^Basic +(\S+)$/i.exec(authorization ?? "") ?? [];
	if (encoded === undefined) return undefined;
	const decoded = Buffer.from(encoded, "base64").toString();
	return decoded.slice(decoded.indexOf(":") + 1);
}
