import { createHash, randomBytes } from "node:crypto";
import type { Session } from "../../operations/caller.ts";

const tokenBytes = 32;
export const maxSessionMs = 12 * 60 * 60 * 1000;
export const maxIdleMs = 60 * 60 * 1000;
const maxSessions = 1_000;

/**
 * Sessions of logged-in browsers. In memory only: they work while the database is unavailable
 * or read-only (a standby), and a restart ends them.
 */
export class Sessions {
	/** By the hash of the token, so that a memory dump holds no usable token. Oldest first. */
	readonly #sessions = new Map<string, Session>();
	readonly #now: () => number;

	/** @param now current time in ms. */
	constructor(now: () => number = Date.now) {
		this.#now = now;
	}

	/** @returns the token, which is not stored. */
	begin(usedDefaultPassword: boolean): string {
		this.#dropOldest();
		const token = randomBytes(tokenBytes).toString("base64url");
		const now = this.#now();
		this.#sessions.set(hashOf(token), {
			usedDefaultPassword,
			startedAtMs: now,
			lastUsedAtMs: now,
		});
		return token;
	}

	/** Finds the session of a token and marks it as used. @returns undefined if it has ended. */
	find(token: string): Session | undefined {
		const session = this.#sessions.get(hashOf(token));
		if (session === undefined) return undefined;
		const now = this.#now();
		if (
			now - session.startedAtMs >= maxSessionMs ||
			now - session.lastUsedAtMs >= maxIdleMs
		) {
			this.end(session);
			return undefined;
		}
		session.lastUsedAtMs = now;
		return session;
	}

	end(session: Session): void {
		for (const [hash, other] of this.#sessions)
			if (other === session) this.#sessions.delete(hash);
	}

	endAll(): void {
		this.#sessions.clear();
	}

	#dropOldest(): void {
		if (this.#sessions.size < maxSessions) return;
		const [oldest] = this.#sessions.keys();
		if (oldest !== undefined) this.#sessions.delete(oldest);
	}
}

function hashOf(token: string): string {
	return createHash("sha256").update(token).digest("base64");
}
