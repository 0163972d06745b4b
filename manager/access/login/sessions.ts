import { createHash, randomBytes } from "node:crypto";
import type { Session } from "../../operations/caller.ts";

const tokenBytes = 32;
export const longestSessionMs = 12 * 60 * 60 * 1000;
export const longestIdleMs = 60 * 60 * 1000;
const mostSessions = 1_000;

/**
 * Who is logged in. Kept in memory only: it works while the database is away or read-only
 * (a standby), and a restart asks everybody to log in again.
 */
export class Sessions {
	/** By the hash of the token, so that a memory dump holds no usable token. Oldest first. */
	readonly #sessions = new Map<string, Session>();
	readonly #now: () => number;

	/** @param now current time in ms. */
	constructor(now: () => number = Date.now) {
		this.#now = now;
	}

	/** @returns the token, which is not kept here. */
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

	/** @returns the session of a token and counts it as used; undefined when it is over. */
	find(token: string): Session | undefined {
		const session = this.#sessions.get(hashOf(token));
		if (session === undefined) return undefined;
		const now = this.#now();
		if (
			now - session.startedAtMs >= longestSessionMs ||
			now - session.lastUsedAtMs >= longestIdleMs
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
		if (this.#sessions.size < mostSessions) return;
		const [oldest] = this.#sessions.keys();
		if (oldest !== undefined) this.#sessions.delete(oldest);
	}
}

function hashOf(token: string): string {
	return createHash("sha256").update(token).digest("base64");
}
