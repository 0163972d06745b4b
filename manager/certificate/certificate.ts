import { join } from "node:path";
import * as z from "zod";
import { type Alarms, ownCodes } from "../alarms/alarms.ts";
import type { Config } from "../config/config.ts";
import { readFileIfThere, writeSecretFile } from "../config/secret-file.ts";
import type { Database } from "../database/database.ts";
import { retryUntilDone } from "../database/retry.ts";
import type { Part } from "../lifecycle/lifecycle.ts";
import type { Log } from "../log/log.ts";
import { OperationError } from "../operations/operation.ts";
import { Turn } from "../sdk/turn.ts";
import { HaproxyFollower } from "../web-routes/follower.ts";
import { haproxy, order } from "../web-routes/haproxy.ts";
import { type Bundle, checkBundle, readBundle } from "./bundle.ts";
import { dayMs, expiryWarning } from "./expiry.ts";
import { type Facts, factsOf } from "./facts.ts";

export interface CertificateSettings {
	/** With certificate.pem, which HAProxy reads when it starts, and default.pem. */
	folder: string;
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

/**
 * The web server's certificate: the one in the table `config`, else the default that the
 * device has made for itself. HAProxy's file and HAProxy follow.
 */
export class Certificate implements Part {
	readonly name = "certificate";
	readonly #path: string;
	readonly #defaultPath: string;
	readonly #adminSocket: string;
	readonly #database: Database;
	readonly #config: Config;
	readonly #alarms: Alarms;
	readonly #log: Log;
	readonly #follower: HaproxyFollower;
	/** No two change file and HAProxy at the same time. */
	readonly #turn = new Turn();
	readonly #stopping = new AbortController();
	#listener: ((certificates: string) => void) | undefined;
	/** What HAProxy is to have, once that is known. */
	#wanted: string | undefined;
	#dailyLook: NodeJS.Timeout | undefined;

	constructor(
		{ folder, adminSocket }: CertificateSettings,
		database: Database,
		config: Config,
		alarms: Alarms,
		log: Log,
	) {
		this.#path = join(folder, "certificate.pem");
		this.#defaultPath = join(folder, "default.pem");
		this.#adminSocket = adminSocket;
		this.#database = database;
		this.#config = config;
		this.#alarms = alarms;
		this.#log = log;
		this.#follower = new HaproxyFollower(
			adminSocket,
			() => this.#turn.take(() => this.#tell(this.#wanted)),
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
					() => this.#turn.take(() => this.#bringUpToDate()),
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
		this.#dailyLook = setInterval(() => void this.#warnOfEnd(), dayMs);
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		clearInterval(this.#dailyLook);
		await this.#follower.stop();
		await this.#turn.ended();
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
		return this.#turn.take(async () => {
			const { pem, certificates } = checkBundle(text, new Date(), {
				isFromAuthority: source === "acme",
			});
			// First: only HAProxy knows whether its OpenSSL likes it, and a file that it
			// does not like would keep it from starting.
			await this.#tell(pem).catch((error: Error) => {
				throw new OperationError(
					502,
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

	/** Back to the certificate that the device has made for itself. @throws DatabaseUnavailable */
	useDefault(): Promise<void> {
		return this.#turn.take(async () => {
			await this.#config.remove(settingName);
			await this.#bringUpToDate();
			this.#log.info("the web server has its default certificate again");
			await this.#warnOfEnd();
		});
	}

	async #bringUpToDate(): Promise<void> {
		const current = await this.#current();
		if (current === undefined) return;
		this.#wanted = current.bundle.pem;
		await this.#writeFile(this.#wanted);
		this.#follower.bringUpToDate();
		this.#listener?.(current.bundle.certificates.join(""));
	}

	async #current(): Promise<Current | undefined> {
		const row = await this.#config.read(settingName, z.unknown());
		if (row !== undefined) {
			try {
				const { pem, source } = storedCertificate.parse(row);
				return { bundle: readBundle(pem), source };
			} catch {
				// Edited by hand, perhaps: the device must be reached nevertheless.
				this.#log.error(
					`config has a damaged ${settingName}, the default certificate takes its place`,
				);
			}
		}
		const text = await readFileIfThere(this.#defaultPath);
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
