import { createHash, createHmac, randomBytes } from "node:crypto";
import { addressKey } from "./address-key.ts";
import {
	AttemptLimiter,
	type AttemptLimiterOptions,
} from "./attempt-limiter.ts";

const freeClientsPerAddress = 20;

/** Who tries to log in. */
export interface Guesser {
	/** IP address. */
	address: string | undefined;
	/** Tells clients behind one address apart: a user name, for instance. It need not be true. */
	client: string;
}

/**
 * Limits guesses of a password that many clients use, of which thousands may share the address of a PBX or a NAT. A
 * client that fails is slowed down, and after several of them all unknown clients of their address are. A client that
 * has logged in before from its address is not affected by others.
 */
export class GuessLimiter {
	readonly #clients: AttemptLimiter;
	readonly #addresses: AttemptLimiter;
	/** Clients that have logged in, the least recent first. */
	readonly #known = new Set<string>();
	readonly #maxClients: number;
	/** A wrong password may be nearly the correct one: only a tag of it is kept. */
	readonly #tagKey = randomBytes(32);

	constructor(options: AttemptLimiterOptions = {}) {
		this.#maxClients = options.maxSources ?? 10_000;
		this.#clients = new AttemptLimiter(options);
		this.#addresses = new AttemptLimiter({
			...options,
			freeFailures: freeClientsPerAddress,
		});
	}

	/**
	 * The password must not be checked before this time is over: not even a correct one, or else a guess would show.
	 * @returns ms; 0 if the client may try.
	 */
	delayMs(guesser: Guesser): number {
		const [address, client] = keysOf(guesser);
		const delayMs = this.#clients.delayMs(client);
		if (this.#known.has(client) || this.#clients.failures(client) > 0)
			return delayMs;
		return Math.max(delayMs, this.#addresses.delayMs(address));
	}

	/** @param password the wrong one, if known: trying it again is not counted. */
	fail(guesser: Guesser, password?: string): void {
		const [address, client] = keysOf(guesser);
		// A client with an old password fails for ever: for its address, only the first time counts.
		if (!this.#known.has(client) && this.#clients.failures(client) === 0)
			this.#addresses.fail(address);
		this.#clients.fail(
			client,
			password === undefined ? undefined : this.#tag(password),
		);
	}

	/** Remembers a client with the correct password. */
	succeed(guesser: Guesser): void {
		const [, client] = keysOf(guesser);
		this.#known.delete(client);
		const [oldest] = this.#known;
		if (oldest !== undefined && this.#known.size >= this.#maxClients)
			this.#known.delete(oldest);
		this.#known.add(client);
	}

	#tag(password: string): string {
		return createHmac("sha256", this.#tagKey).update(password).digest("base64");
	}
}

/** The client is hashed since it may be long. */
function keysOf({ address, client }: Guesser): [string, string] {
	const key = addressKey(address);
	const hash = createHash("sha256").update(client).digest("base64");
	return [key, `${key} ${hash}`];
}
