import { Mutex } from "async-mutex";
import * as z from "zod";
import type { Database } from "../../../database/database.ts";
import type { Jobs } from "../../../jobs/jobs.ts";
import { type ConfigTable, secretRow } from "../../../settings/config-table.ts";
import type { Part } from "../../../shared/lifecycle.ts";
import type { Log } from "../../../shared/log.ts";
import { OperationError } from "../../../shared/operation-error.ts";
import { retryUntilDone } from "../../../shared/retry.ts";
import type { Scheduler } from "../../../shared/scheduler.ts";
import { SecretUnreadable } from "../../../shared/secrets.ts";
import type { Certificate } from "../certificate.ts";
import type { CertificateInfo } from "../certificate-info.ts";
import { isCovered } from "../names.ts";
import { Challenges } from "./challenges.ts";
import { createKey, orderCertificate } from "./order.ts";
import { nextOrderMs } from "./schedule.ts";

export const acmeRow = secretRow("acme", "the account at the ACME authority");
const configName = acmeRow.row;
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

const orderTimeoutMs = 10 * 60_000;
/** The pause after an order whose result could not be stored. */
const pauseMs = 60 * 60_000;
const maxProblemLength = 500;

/** Orders and renews the web server's certificate at an ACME authority, if enabled. */
export class Acme implements Part {
	readonly name = "ACME";
	readonly challenges = new Challenges();
	readonly #caFile: string | undefined;
	readonly #database: Database;
	readonly #config: ConfigTable;
	readonly #certificate: Certificate;
	readonly #jobs: Jobs;
	readonly #log: Log;
	/** Serializes changes of the stored state and of the order in progress. */
	readonly #mutex = new Mutex();
	readonly #stopping = new AbortController();
	/** The order in progress. */
	#ordering: AbortController | undefined;
	/** The host name of the manager alone, which each certificate includes. */
	#managerName: string | undefined;
	/** In the time of performance.now(). */
	#pausedUntilMs = 0;

	/** @param caFile has additional CA certificates, in PEM, for connections to the ACME server. */
	constructor(
		caFile: string | undefined,
		database: Database,
		config: ConfigTable,
		certificate: Certificate,
		jobs: Jobs,
		scheduler: Scheduler,
		log: Log,
	) {
		this.#caFile = caFile;
		this.#database = database;
		this.#config = config;
		this.#certificate = certificate;
		this.#jobs = jobs;
		this.#log = log;
		scheduler.everyMinute("ACME order check", () =>
			this.#mutex.runExclusive(() => this.#orderIfDue()),
		);
	}

	start(): void {
		void this.#database.whenReady(
			() =>
				retryUntilDone(
					() => this.#mutex.runExclusive(() => this.#resume()),
					(error) =>
						this.#log.error({ err: error }, "ACME start failed; retrying"),
					this.#stopping.signal,
				).catch(() => {}), // The manager stops.
		);
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		this.#abortOrder();
		await this.#mutex.waitForUnlock();
	}

	/** Orders a certificate that includes the host name of the manager alone, if enabled. @throws DatabaseUnavailable */
	async setManagerName(name: string | undefined): Promise<void> {
		await this.#mutex.runExclusive(async () => {
			this.#managerName = name;
			await this.#orderIfDue();
		});
	}

	/** @throws DatabaseUnavailable */
	async status(): Promise<AcmeStatus> {
		// Read first: an order stores its result before it ends.
		const isOrdering = this.#ordering !== undefined;
		let problem: string | undefined;
		const stored = await this.#read((error) => {
			problem = error.message;
		});
		if (!stored) return { state: "off", problem, nextOrderAt: undefined };
		const { directoryUrl, email, names } = stored;
		const next = this.#nextOrderMs(stored, await this.#certificate.info());
		return {
			...{ directoryUrl, email, names, problem: stored.problem },
			state: isOrdering ? "ordering" : "waiting",
			nextOrderAt: isOrdering ? undefined : new Date(next).toISOString(),
		};
	}

	/** Orders at once, even if it was enabled before; `status` has the result. */
	enable(request: AcmeRequest): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			const before = await this.#read();
			// An account belongs to one directory.
			const accountKey =
				before?.directoryUrl === request.directoryUrl
					? before.accountKey
					: createKey();
			this.#abortOrder();
			await this.#write({
				...request,
				accountKey,
				isIssued: false,
				failures: 0,
				lastFailureMs: 0,
			});
			await this.#orderIfDue();
		});
	}

	/**
	 * The certificate stays in use.
	 * @returns whether it was enabled.
	 * @throws DatabaseUnavailable
	 */
	disable(): Promise<boolean> {
		return this.#mutex.runExclusive(async () => {
			const wasEnabled = await this.#config.has(configName);
			await this.#disable();
			return wasEnabled;
		});
	}

	async #disable(): Promise<void> {
		this.#abortOrder();
		await this.#config.delete(configName);
	}

	async #resume(): Promise<void> {
		const stored = await this.#read();
		const info = await this.#certificate.info();
		// An admin who deletes the certificate from the database wants the default one.
		if (stored?.isIssued && info?.source !== "acme") {
			this.#log.warn("ACME disabled: its certificate was deleted");
			return this.#disable();
		}
		await this.#orderIfDue();
	}

	async #orderIfDue(): Promise<void> {
		if (this.#ordering || this.#stopping.signal.aborted) return;
		if (performance.now() < this.#pausedUntilMs) return;
		const stored = await this.#read();
		if (!stored) return;
		const info = await this.#certificate.info();
		if (this.#nextOrderMs(stored, info) <= Date.now()) this.#order(stored);
	}

	#nextOrderMs(stored: StoredAcme, info: CertificateInfo | undefined): number {
		const name = this.#managerName;
		const isComplete = !info || !name || isCovered(name, info.names);
		const isIssued = stored.isIssued && isComplete;
		return nextOrderMs({ ...stored, isIssued }, info, Date.now());
	}

	/** Returns immediately: an order may take minutes. */
	#order(stored: StoredAcme): void {
		const ordering = new AbortController();
		this.#ordering = ordering;
		const { directoryUrl } = stored;
		const names = [...stored.names];
		const name = this.#managerName;
		if (name && !isCovered(name, names)) names.push(name);
		this.#log.info({ names, directoryUrl }, "ordering a certificate");
		const description = {
			kind: "certificateOrder",
			subject: names.join(", "),
		} as const;
		void this.#jobs
			.run(description, (job) =>
				orderCertificate({
					account: stored,
					names,
					challenges: this.challenges,
					caFile: this.#caFile,
					signal: AbortSignal.any([
						ordering.signal,
						job.signal,
						AbortSignal.timeout(orderTimeoutMs),
					]),
				}).catch((error) => {
					throw toOrderError(error, job.signal.aborted);
				}),
			)
			.then(
				(pem) =>
					this.#mutex.runExclusive(() => this.#onIssued(pem, stored, ordering)),
				(error) =>
					this.#mutex.runExclusive(() =>
						this.#onFailed(error, stored, ordering),
					),
			)
			.finally(() => {
				if (this.#ordering === ordering) this.#ordering = undefined;
			})
			.catch((error) => {
				// Pauses, because an order whose result is not stored would be repeated endlessly.
				this.#log.error(
					{ err: error },
					"cannot store the result of an ACME order",
				);
				this.#pausedUntilMs = performance.now() + pauseMs;
			});
	}

	async #onIssued(
		pem: string,
		stored: StoredAcme,
		{ signal }: AbortController,
	): Promise<void> {
		if (signal.aborted) return; // ACME was disabled or started a new order.
		try {
			await this.#certificate.install(pem, "acme");
		} catch (error) {
			return this.#storeFailure(stored, error);
		}
		const { problem: _solved, ...rest } = stored;
		await this.#write({ ...rest, isIssued: true, failures: 0 });
	}

	async #onFailed(
		error: unknown,
		stored: StoredAcme,
		{ signal }: AbortController,
	): Promise<void> {
		if (!signal.aborted) await this.#storeFailure(stored, error);
	}

	async #storeFailure(stored: StoredAcme, error: unknown): Promise<void> {
		const problem = error instanceof Error ? error.message : String(error);
		const failures = stored.failures + 1;
		this.#log.warn({ problem, failures }, "ACME order failed");
		await this.#write({
			...stored,
			failures,
			problem,
			lastFailureMs: Date.now(),
		});
	}

	#abortOrder(): void {
		this.#ordering?.abort();
		this.#ordering = undefined;
	}

	/** @param onUnreadable called if the row cannot be read: it then counts as missing, but stays. */
	async #read(
		onUnreadable: (error: SecretUnreadable) => void = () => {},
	): Promise<StoredAcme | undefined> {
		try {
			return await this.#config.read(configName, storedAcme);
		} catch (error) {
			if (!(error instanceof SecretUnreadable)) throw error;
			onUnreadable(error);
			return undefined;
		}
	}

	#write(stored: StoredAcme): Promise<void> {
		return this.#config.writeSecret(acmeRow, stored);
	}
}

/** Keeps only the message: the error contains the whole exchange with the authority. */
function toOrderError(error: unknown, isCancelled: boolean): OperationError {
	if (isCancelled)
		return new OperationError(
			"conflict",
			"cancelled",
			"The order was cancelled",
		);
	const message = error instanceof Error ? error.message : String(error);
	// The whole answer of another server, which only that server's clients may read.
	const text = /^["{[]/.test(message)
		? "the server does not answer like an ACME authority: check the address of its directory"
		: message;
	return new OperationError(
		"upstream",
		"orderFailed",
		text.slice(0, maxProblemLength),
	);
}
