import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { Mutex } from "async-mutex";
import * as z from "zod";
import { addressKey } from "../../../sdk/address-key.ts";
import type { Log } from "../../shared/log.ts";
import { makeDirectory } from "../../shared/make-directory.ts";
import { writeSecretFile } from "../../shared/secret-file.ts";

const tokenBytes = 32;
export const maxKnown = 100;

const schema = z.strictObject({
	/** SHA-256 of the tokens in their cookies. */
	browsers: z.array(z.string()),
	/** As `addressKey` writes them. */
	addresses: z.array(z.string()),
});

/**
 * Browsers and addresses that have logged in before, the most recent ones. Each has an allowance for wrong passwords of
 * its own, and no other right: this is OWASP's "device cookie". They are kept in a file, which works while the database
 * is unavailable or read-only.
 */
export class KnownClients {
	readonly #file: string;
	readonly #log: Log;
	/** The least recent first. */
	#browsers = new Set<string>();
	#addresses = new Set<string>();
	readonly #mutex = new Mutex();

	/** Reads the file, if there is one. */
	constructor(file: string, log: Log) {
		this.#file = file;
		this.#log = log;
		try {
			const known = schema.parse(JSON.parse(readFileSync(file, "utf8")));
			this.#browsers = new Set(known.browsers);
			this.#addresses = new Set(known.addresses);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOENT")
				log.warn(
					{ err: error, file },
					"the list of known browsers cannot be read; starting with an empty one",
				);
		}
	}

	/** @returns the key of the browser with this token, if it is known. */
	findBrowser(token: string | undefined): string | undefined {
		if (token === undefined) return undefined;
		const hash = hashOf(token);
		return this.#browsers.has(hash) ? hash : undefined;
	}

	hasAddress(address: string | undefined): boolean {
		return this.#addresses.has(addressKey(address));
	}

	/** Remembers the address of a client that has logged in. */
	rememberAddress(address: string | undefined): Promise<void> {
		return this.#remember(this.#addresses, addressKey(address));
	}

	/**
	 * Remembers a browser that has logged in.
	 * @param token that of its cookie, if it has one.
	 * @returns the token for its cookie, which is not stored.
	 */
	async rememberBrowser(token: string | undefined): Promise<string> {
		const kept =
			token !== undefined && this.findBrowser(token) !== undefined
				? token
				: randomBytes(tokenBytes).toString("base64url");
		await this.#remember(this.#browsers, hashOf(kept));
		return kept;
	}

	async #remember(known: Set<string>, key: string): Promise<void> {
		if ([...known].at(-1) === key) return;
		known.delete(key);
		known.add(key);
		const [oldest] = known;
		if (oldest !== undefined && known.size > maxKnown) known.delete(oldest);
		await this.#mutex.runExclusive(() => this.#store());
	}

	/** A failure does not fail the login: the disk may be full. */
	async #store(): Promise<void> {
		const content = {
			browsers: [...this.#browsers],
			addresses: [...this.#addresses],
		};
		try {
			await makeDirectory(dirname(this.#file), 0o700);
			await writeSecretFile(this.#file, JSON.stringify(content));
		} catch (error) {
			this.#log.warn(
				{ err: error },
				"the list of known browsers cannot be stored; it is valid until the manager restarts",
			);
		}
	}
}

function hashOf(token: string): string {
	return createHash("sha256").update(token).digest("base64");
}
