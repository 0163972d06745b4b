import { Mutex } from "async-mutex";
import * as z from "zod";
import type { Database } from "../../../database/database.ts";
import type { Config } from "../../../settings/config.ts";
import type { Part } from "../../../shared/lifecycle.ts";
import type { Log } from "../../../shared/log.ts";
import { retryUntilDone } from "../../../shared/retry.ts";
import type { Certificate } from "../certificate.ts";
import { Challenges } from "./challenges.ts";
import { newKey, orderCertificate } from "./order.ts";
import { nextOrderMs } from "./schedule.ts";

const settingName = "acme";
const storedAcme = z.object({
	directoryUrl: z.string(),
	email: z.string(),
	names: z.array(z.string()),
	/** PEM. */
	accountKey: z.string(),
	isIssued: z.boolean(),
	failures: z.int(),
	lastFailureMs: z.int(),
	/** Why the last order failed. */
	problem: z.string().optional(),
});
type StoredAcme = z.output<typeof storedAcme>;

export interface AcmeRequest {
	directoryUrl: string;
	email: string;
	names: string[];
}

export interface AcmeStatus extends Partial<AcmeRequest> {
	state: "off" | "ordering" | "waiting";
	problem: string | undefined;
	/** ISO 8601. */
	nextOrderAt: string | undefined;
}

const orderLimitMs = 10 * 60_000;
/** Also finds a clock that was set meanwhile. */
const longestSleepMs = 60 * 60_000;
const mostProblemLength = 500;

/** Keeps the web server's certificate renewed by an authority, where that is wanted. */
export class Acme implements Part {
	readonly name = "ACME";
	readonly challenges = new Challenges();
	readonly #authoritiesFile: string | undefined;
	readonly #database: Database;
	readonly #config: Config;
	readonly #certificate: Certificate;
	readonly #log: Log;
	/** What is stored and when to look again change together. */
	readonly #mutex = new Mutex();
	readonly #stopping = new AbortController();
	/** The order under way. */
	#ordering: AbortController | undefined;
	#timer: NodeJS.Timeout | undefined;

	/** @param authoritiesFile more certificates, in PEM, for the way to the ACME server. */
	constructor(
		authoritiesFile: string | undefined,
		database: Database,
		config: Config,
		certificate: Certificate,
		log: Log,
	) {
		this.#authoritiesFile = authoritiesFile;
		this.#database = database;
		this.#config = config;
		this.#certificate = certificate;
		this.#log = log;
	}

	start(): void {
		void this.#database.whenReady(
			() =>
				retryUntilDone(
					() => this.#mutex.runExclusive(() => this.#begin()),
					(error) => this.#log.error({ err: error }, "ACME cannot begin"),
					this.#stopping.signal,
				).catch(() => {}), // Stopped while it waited.
		);
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		this.#end();
		await this.#mutex.waitForUnlock();
	}

	/** @throws DatabaseUnavailable */
	async status(): Promise<AcmeStatus> {
		// Asked first: what came of an order is stored before it counts as ended.
		const isOrdering = this.#ordering !== undefined;
		const stored = await this.#read();
		if (!stored)
			return { state: "off", problem: undefined, nextOrderAt: undefined };
		const { directoryUrl, email, names, problem } = stored;
		const next = nextOrderMs(
			stored,
			await this.#certificate.facts(),
			Date.now(),
		);
		return {
			...{ directoryUrl, email, names, problem },
			state: isOrdering ? "ordering" : "waiting",
			nextOrderAt: isOrdering ? undefined : new Date(next).toISOString(),
		};
	}

	/** Orders at once, also where it was enabled before; `status` tells what came of it. */
	enable(request: AcmeRequest): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			const before = await this.#read();
			// An account belongs to a directory.
			const accountKey =
				before?.directoryUrl === request.directoryUrl
					? before.accountKey
					: newKey();
			this.#end();
			await this.#write({
				...request,
				accountKey,
				isIssued: false,
				failures: 0,
				lastFailureMs: 0,
			});
			await this.#schedule();
		});
	}

	/**
	 * The certificate stays in use.
	 * @returns whether it was enabled.
	 * @throws DatabaseUnavailable
	 */
	disable(): Promise<boolean> {
		return this.#mutex.runExclusive(async () => {
			const wasEnabled =
				(await this.#config.read(settingName, z.unknown())) !== undefined;
			await this.#disable();
			return wasEnabled;
		});
	}

	async #disable(): Promise<void> {
		this.#end();
		await this.#config.remove(settingName);
	}

	async #begin(): Promise<void> {
		const stored = await this.#read();
		const facts = await this.#certificate.facts();
		// An admin who deletes the certificate from the database wants the default one.
		if (stored?.isIssued && facts?.source !== "acme") {
			this.#log.warn("ACME is switched off: its certificate was removed");
			return this.#disable();
		}
		await this.#schedule();
	}

	/** Sleeps until the next order is due, and orders. */
	async #schedule(): Promise<void> {
		clearTimeout(this.#timer);
		if (this.#ordering || this.#stopping.signal.aborted) return;
		const stored = await this.#read();
		if (!stored) return;
		const facts = await this.#certificate.facts();
		const waitMs = nextOrderMs(stored, facts, Date.now()) - Date.now();
		if (waitMs <= 0) return this.#order(stored);
		this.#timer = setTimeout(
			() => this.#look(),
			Math.min(waitMs, longestSleepMs),
		);
	}

	#look(): void {
		this.#mutex
			.runExclusive(() => this.#schedule())
			.catch((error) => {
				this.#log.warn({ err: error }, "ACME looks again later");
				this.#lookLater();
			});
	}

	#lookLater(): void {
		clearTimeout(this.#timer);
		if (!this.#stopping.signal.aborted)
			this.#timer = setTimeout(() => this.#look(), longestSleepMs);
	}

	/** Returns at once: an authority may take minutes. */
	#order(stored: StoredAcme): void {
		const ordering = new AbortController();
		this.#ordering = ordering;
		const signal = AbortSignal.any([
			ordering.signal,
			AbortSignal.timeout(orderLimitMs),
		]);
		const { names, directoryUrl } = stored;
		this.#log.info({ names, directoryUrl }, "ordering a certificate");
		void orderCertificate({
			account: stored,
			names,
			challenges: this.challenges,
			authoritiesFile: this.#authoritiesFile,
			signal,
		})
			.then(
				(pem) =>
					this.#mutex.runExclusive(() => this.#received(pem, stored, ordering)),
				(error) =>
					this.#mutex.runExclusive(() => this.#failed(error, stored, ordering)),
			)
			.finally(() => {
				if (this.#ordering === ordering) this.#ordering = undefined;
			})
			.then(
				() => this.#look(),
				(error) => {
					// Not at once: an order whose end is not known would be made again and again.
					this.#log.error({ err: error }, "the order's end cannot be stored");
					this.#lookLater();
				},
			);
	}

	async #received(
		pem: string,
		stored: StoredAcme,
		{ signal }: AbortController,
	): Promise<void> {
		if (signal.aborted) return; // Nobody wants it any more.
		try {
			await this.#certificate.take(pem, "acme");
		} catch (error) {
			return this.#store(stored, error);
		}
		const { problem: _solved, ...rest } = stored;
		await this.#write({ ...rest, isIssued: true, failures: 0 });
	}

	async #failed(
		error: unknown,
		stored: StoredAcme,
		{ signal }: AbortController,
	): Promise<void> {
		if (!signal.aborted) await this.#store(stored, error);
	}

	async #store(stored: StoredAcme, error: unknown): Promise<void> {
		const text = error instanceof Error ? error.message : String(error);
		// The error itself holds the whole exchange with the authority.
		const problem = text.slice(0, mostProblemLength);
		const failures = stored.failures + 1;
		this.#log.warn({ problem, failures }, "no certificate was issued");
		await this.#write({
			...stored,
			failures,
			problem,
			lastFailureMs: Date.now(),
		});
	}

	#end(): void {
		clearTimeout(this.#timer);
		this.#ordering?.abort();
		this.#ordering = undefined;
	}

	#read(): Promise<StoredAcme | undefined> {
		return this.#config.read(settingName, storedAcme);
	}

	#write(stored: StoredAcme): Promise<void> {
		return this.#config.write(settingName, stored);
	}
}
