import { join } from "node:path";
import { Mutex } from "async-mutex";
import * as z from "zod";
import { type Alarms, ownCodes } from "../../alarms/alarms.ts";
import type { Database } from "../../database/database.ts";
import type { Config } from "../../settings/config.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { retryUntilDone } from "../../shared/retry.ts";
import { readFileIfThere, writeSecretFile } from "../../shared/secret-file.ts";
import { HaproxyFollower } from "../../web-server/follower.ts";
import { haproxy, order } from "../../web-server/haproxy.ts";
import { type Bundle, checkBundle, readBundle } from "./bundle.ts";
import { expiryWarning } from "./expiry.ts";
import { type Facts, factsOf } from "./facts.ts";
import { isLookDue, OwnCertificate } from "./own-certificate.ts";

export interface CertificateSettings {
	/** With certificate.pem, which HAProxy reads when it starts, and default.pem. */
	folder: string;
	/** Makes the device's own certificate in a file. */
	makeCommand: string;
	adminSocket: string;
}

/** Admins delete this row with `psql`. */
const settingName = "webserverCertificate";
const storedCertificate = z.object({
	pem: z.string(),
	source: z.enum(["upload", "acme"]),
});

export type Source = z.output<typeof storedCertificate>["source"] | "default";

interface Current {
	bundle: Bundle;
	source: Source;
}

/** What came of the wish for the device's own certificate. */
export interface DefaultResult {
	result: "renewed" | "restored" | "alreadyInUse";
	/** In a sentence. */
	message: string;
	/** ISO 8601. */
	validUntil: string;
}

/** Finds a clock that was set, and the next day. */
const lookEveryMs = 60_000;

/**
 * The web server's certificate: the one in the table `config`, else the default that the
 * device has made for itself. HAProxy's file and HAProxy follow.
 */
export class Certificate implements Part {
	readonly name = "certificate";
	readonly #path: string;
	readonly #own: OwnCertificate;
	readonly #adminSocket: string;
	readonly #database: Database;
	readonly #config: Config;
	readonly #alarms: Alarms;
	readonly #log: Log;
	readonly #follower: HaproxyFollower;
	/** No two change file and HAProxy at the same time. */
	readonly #mutex = new Mutex();
	readonly #stopping = new AbortController();
	#listener: ((certificates: string) => void) | undefined;
	/** What HAProxy is to have, once that is known. */
	#wanted: string | undefined;
	#timer: NodeJS.Timeout | undefined;
	#lastLookMs = Date.now();

	constructor(
		{ folder, makeCommand, adminSocket }: CertificateSettings,
		database: Database,
		config: Config,
		alarms: Alarms,
		log: Log,
	) {
		this.#path = join(folder, "certificate.pem");
		this.#own = new OwnCertificate(
			join(folder, "default.pem"),
			makeCommand,
			log,
		);
		this.#adminSocket = adminSocket;
		this.#database = database;
		this.#config = config;
		this.#alarms = alarms;
		this.#log = log;
		this.#follower = new HaproxyFollower(
			adminSocket,
			() => this.#mutex.runExclusive(() => this.#tell(this.#wanted)),
			log,
		);
	}

	/** @param listener gets what the web server sends, as PEM without the key, when it changes. */
	listen(listener: (certificates: string) => void): void {
		this.#listener = listener;
	}

	start(): void {
		this.#follower.start();
		void this.#database.whenReady(
			() =>
				retryUntilDone(
					() => this.#mutex.runExclusive(() => this.#bringUpToDate()),
					(error) =>
						this.#log.error(
							{ err: error },
							"the certificate cannot be put in place",
						),
					this.#stopping.signal,
				)
					.then(() => this.#warnOfEnd())
					.catch(() => {}), // Stopped while it waited.
		);
		this.#timer = setInterval(() => this.#lookIfDue(), lookEveryMs);
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		clearInterval(this.#timer);
		await this.#follower.stop();
		await this.#mutex.waitForUnlock();
	}

	/** @returns undefined on a machine without a web server of ours. @throws DatabaseUnavailable */
	async facts(): Promise<Facts | undefined> {
		const current = await this.#current();
		return current && factsOf(current.bundle, current.source, new Date());
	}

	/**
	 * Has the web server use another certificate, at once; open connections stay.
	 * @throws CertificateRefused, OperationError where the web server refuses it, or
	 * DatabaseUnavailable; the one before stays then.
	 */
	take(text: string, source: "upload" | "acme"): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			const { pem, certificates } = checkBundle(text, new Date(), {
				isFromAuthority: source === "acme",
			});
			// First: only HAProxy knows whether its OpenSSL likes it, and a file that it
			// does not like would keep it from starting.
			await this.#tell(pem).catch((error: Error) => {
				throw new OperationError(
					"upstream",
					"webServerRefuses",
					`The web server does not take this certificate. ${error.message}`,
				);
			});
			try {
				await this.#config.write(settingName, { pem, source });
			} catch (error) {
				this.#follower.bringUpToDate(); // Back to what it was.
				throw error;
			}
			this.#wanted = pem;
			await this.#writeFile(pem);
			this.#log.info(
				{ subject: certificates[0]?.subject, source },
				"the web server has another certificate",
			);
			this.#listener?.(certificates.join(""));
			await this.#warnOfEnd();
		});
	}

	/**
	 * Back to the certificate that the device has made for itself, which is renewed where it has
	 * expired, is about to, or cannot be used.
	 * @throws OperationError, DatabaseUnavailable
	 */
	useDefault(): Promise<DefaultResult> {
		return this.#mutex.runExclusive(async () => {
			const wasDefault = (await this.#stored()) === undefined;
			const reason = await this.#own.renewIfDue({ isAsked: true });
			const facts = await this.#ownFacts();
			await this.#config.remove(settingName);
			await this.#bringUpToDate();
			await this.#warnOfEnd();
			if (!wasDefault)
				this.#log.info("the web server has its default certificate again");
			return { ...inWords(reason, wasDefault), validUntil: facts.validUntil };
		});
	}

	async #ownFacts(): Promise<Facts> {
		const text = await this.#own.read();
		if (text === undefined)
			throw new OperationError(
				"conflict",
				"noWebServer",
				"This machine has no web server that uses a certificate",
			);
		return factsOf(readBundle(text), "default", new Date());
	}

	#lookIfDue(): void {
		if (!isLookDue(this.#lastLookMs, Date.now())) return;
		this.#mutex
			.runExclusive(async () => {
				if ((await this.#stored()) === undefined) await this.#bringUpToDate();
				await this.#warnOfEnd();
				this.#lastLookMs = Date.now();
			})
			.catch((error) =>
				this.#log.warn(
					{ err: error },
					"the certificate is looked at again later",
				),
			);
	}

	/** The device's own is renewed where it is the one to use. */
	async #bringUpToDate(): Promise<void> {
		if ((await this.#stored()) === undefined)
			// The one that is there is better than none.
			await this.#own
				.renewIfDue()
				.catch((error) => this.#log.error({ err: error }, "no renewal"));
		const current = await this.#current();
		if (current === undefined) return;
		const { pem, certificates } = current.bundle;
		const isNew = pem !== this.#wanted;
		this.#wanted = pem;
		await this.#writeFile(pem);
		if (!isNew) return;
		this.#follower.bringUpToDate();
		this.#listener?.(certificates.join(""));
	}

	/** What is in the database. */
	async #stored(): Promise<Current | undefined> {
		const row = await this.#config.read(settingName, z.unknown());
		if (row === undefined) return undefined;
		try {
			const { pem, source } = storedCertificate.parse(row);
			return { bundle: readBundle(pem), source };
		} catch {
			// Edited by hand, perhaps: the device must be reached nevertheless.
			this.#log.error(
				`config has a damaged ${settingName}, the default certificate takes its place`,
			);
			return undefined;
		}
	}

	async #current(): Promise<Current | undefined> {
		const stored = await this.#stored();
		if (stored) return stored;
		const text = await this.#own.read();
		return text === undefined
			? undefined
			: { bundle: readBundle(text), source: "default" };
	}

	async #writeFile(pem: string): Promise<void> {
		if ((await readFileIfThere(this.#path)) !== pem)
			await writeSecretFile(this.#path, pem);
	}

	/** @throws Error with HAProxy's words; it goes on with what it had. */
	async #tell(pem: string | undefined): Promise<void> {
		if (pem === undefined) return;
		const socket = this.#adminSocket;
		try {
			await order(
				socket,
				`set ssl cert ${this.#path}`,
				/^Transaction (created|updated)/,
				pem.trimEnd(),
			);
			await order(socket, `commit ssl cert ${this.#path}`, /Success!$/);
		} catch (error) {
			await haproxy(socket, `abort ssl cert ${this.#path}`).catch(() => {}); // Perhaps there is none.
			throw error;
		}
	}

	async #warnOfEnd(): Promise<void> {
		const facts = await this.facts().catch(() => undefined); // Looked at again tomorrow.
		const text = facts && expiryWarning(new Date(facts.validUntil), new Date());
		const code = ownCodes.certificateEnds;
		if (text) this.#alarms.raise({ code, severity: "major", text });
		else if (facts) this.#alarms.clear({}, code);
	}
}

function inWords(
	reason: string | undefined,
	wasDefault: boolean,
): Omit<DefaultResult, "validUntil"> {
	if (reason !== undefined)
		return {
			result: "renewed",
			message: `The device's own certificate was renewed, because ${reason}`,
		};
	return wasDefault
		? {
				result: "alreadyInUse",
				message: "The device's own certificate is already in use",
			}
		: {
				result: "restored",
				message: "The device's own certificate is in use again",
			};
}
