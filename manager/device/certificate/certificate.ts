import { join } from "node:path";
import { Mutex } from "async-mutex";
import * as z from "zod";
import { type Alarms, managerCodes } from "../../alarms/alarms.ts";
import type { Database } from "../../database/database.ts";
import { type ConfigTable, secretRow } from "../../settings/config-table.ts";
import type { Part } from "../../shared/lifecycle.ts";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { retryUntilDone } from "../../shared/retry.ts";
import { runRootCommand } from "../../shared/root-command.ts";
import type { Scheduler } from "../../shared/scheduler.ts";
import { readFileIfExists } from "../../shared/secret-file.ts";
import { SecretUnreadable } from "../../shared/secrets.ts";
import {
	runHaproxyCommand,
	sendHaproxyCommand,
} from "../../web-server/haproxy.ts";
import { HaproxyReconciler } from "../../web-server/haproxy-reconciler.ts";
import { type Bundle, checkBundle, readBundle } from "./bundle.ts";
import {
	type CertificateInfo,
	expiryWarning,
	toCertificateInfo,
} from "./certificate-info.ts";
import { DefaultCertificate, isCheckDue } from "./default-certificate.ts";
import { isCovered, ownAddresses } from "./names.ts";

export interface CertificateEnvironment {
	/** Contains certificate.pem, which HAProxy reads when it starts, and default.pem. */
	directory: string;
	/** Writes these files: see /usr/lib/app-platform/root/certificate. */
	command: string;
	adminSocket: string;
}

/** Admins delete this row with `psql`. */
export const certificateRow = secretRow(
	"webserverCertificate",
	"the web server's certificate",
);
const configName = certificateRow.row;
const storedCertificate = z.object({
	pem: z.string(),
	source: z.enum(["upload", "acme"]),
});

export type Source = z.output<typeof storedCertificate>["source"] | "default";

interface SourcedBundle {
	bundle: Bundle;
	source: Source;
}

/** The result of restoring the device's own certificate. */
export interface RestoreResult {
	result: "renewed" | "restored" | "alreadyInUse";
	/** The result as a sentence. */
	message: string;
	/** ISO 8601. */
	validUntil: string;
}

/**
 * The web server's certificate: the one in the table `config`, else the default that the
 * device has made for itself. HAProxy and its file are updated to match.
 */
export class Certificate implements Part {
	readonly name = "certificate";
	readonly #path: string;
	readonly #default: DefaultCertificate;
	readonly #command: string;
	readonly #adminSocket: string;
	readonly #database: Database;
	readonly #config: ConfigTable;
	readonly #alarms: Alarms;
	readonly #log: Log;
	readonly #reconciler: HaproxyReconciler;
	/** Serializes changes of the file and of HAProxy. */
	readonly #mutex = new Mutex();
	readonly #stopping = new AbortController();
	#listener: ((certificates: string) => void) | undefined;
	/** The PEM that HAProxy should use; undefined until it is known. */
	#desiredPem: string | undefined;
	#lastCheckMs = Date.now();
	/** The host name by which people reach the apps. */
	#dnsName: string | undefined;
	/** The host name of the manager alone. */
	#managerName: string | undefined;
	#checkedAddresses = "";

	constructor(
		{ directory, command, adminSocket }: CertificateEnvironment,
		database: Database,
		config: ConfigTable,
		alarms: Alarms,
		scheduler: Scheduler,
		log: Log,
	) {
		this.#path = join(directory, "certificate.pem");
		this.#default = new DefaultCertificate(
			join(directory, "default.pem"),
			command,
			log,
		);
		this.#command = command;
		this.#adminSocket = adminSocket;
		this.#database = database;
		this.#config = config;
		this.#alarms = alarms;
		this.#log = log;
		this.#reconciler = new HaproxyReconciler(
			adminSocket,
			() =>
				this.#mutex.runExclusive(() => this.#updateHaproxy(this.#desiredPem)),
			log,
		);
		scheduler.everyMinute("certificate check", () => this.#checkIfDue());
	}

	/** @param listener is called with the new chain, as PEM without the key, after each change. */
	watch(listener: (certificates: string) => void): void {
		this.#listener = listener;
	}

	start(): void {
		this.#reconciler.start();
		void this.#database.whenReady(
			() =>
				retryUntilDone(
					() => this.#mutex.runExclusive(() => this.#reconcile()),
					(error) =>
						this.#log.error(
							{ err: error },
							"cannot set up the certificate; retrying",
						),
					this.#stopping.signal,
				)
					.then(() => this.#updateAlarms())
					.catch(() => {}), // The manager stops.
		);
	}

	async stop(): Promise<void> {
		this.#stopping.abort();
		await this.#reconciler.stop();
		await this.#mutex.waitForUnlock();
	}

	/** @param name the host name by which people reach the apps, which the device's own certificate includes. */
	async setDnsName(name: string | undefined): Promise<void> {
		await this.#mutex.runExclusive(async () => {
			this.#dnsName = name;
			await this.#reconcile();
		});
	}

	/** @param name the host name of the manager alone, which the certificate should include. */
	async setManagerName(name: string | undefined): Promise<void> {
		await this.#mutex.runExclusive(async () => {
			this.#managerName = name;
			await this.#reconcile();
			await this.#updateAlarms();
		});
	}

	/** @returns undefined on a machine without the system's web server. @throws DatabaseUnavailable */
	async info(): Promise<CertificateInfo | undefined> {
		const current = await this.#readCurrent();
		return (
			current && toCertificateInfo(current.bundle, current.source, new Date())
		);
	}

	/**
	 * Replaces the web server's certificate immediately; open connections stay.
	 * @throws CertificateRefused, OperationError if the web server refuses it, or
	 * DatabaseUnavailable; the current certificate then stays in use.
	 */
	install(text: string, source: "upload" | "acme"): Promise<void> {
		return this.#mutex.runExclusive(async () => {
			const { pem, certificates } = checkBundle(text, new Date(), {
				isFromAuthority: source === "acme",
			});
			// First: only HAProxy knows whether its OpenSSL accepts the certificate, and a file
			// with a refused one would keep it from starting.
			await this.#updateHaproxy(pem).catch((error: Error) => {
				throw new OperationError(
					"upstream",
					"webServerRefuses",
					`The web server refuses this certificate. ${error.message}`,
				);
			});
			try {
				await this.#config.writeSecret(certificateRow, { pem, source });
			} catch (error) {
				this.#reconciler.requestUpdate(); // Restores the current one.
				throw error;
			}
			this.#desiredPem = pem;
			await this.#writeFile(pem);
			this.#log.info(
				{ subject: certificates[0]?.subject, source },
				"the web server uses another certificate",
			);
			this.#listener?.(certificates.join(""));
			await this.#updateAlarms();
		});
	}

	/**
	 * Restores the certificate that the device has made for itself, and renews it if it has
	 * expired, is about to expire or is damaged.
	 * @throws OperationError, DatabaseUnavailable
	 */
	restoreDefault(): Promise<RestoreResult> {
		return this.#mutex.runExclusive(async () => {
			const wasDefault = (await this.#readStored()) === undefined;
			const reason = await this.#default.renewIfDue({
				isRequested: true,
				names: this.#ownNames(),
			});
			const info = await this.#defaultInfo();
			await this.#config.delete(configName);
			await this.#reconcile();
			await this.#updateAlarms();
			if (!wasDefault)
				this.#log.info("the web server uses its default certificate again");
			return {
				...toRestoreResult(reason, wasDefault),
				validUntil: info.validUntil,
			};
		});
	}

	async #defaultInfo(): Promise<CertificateInfo> {
		const text = await this.#default.read();
		if (text === undefined)
			throw new OperationError(
				"conflict",
				"noWebServer",
				"This machine has no web server that uses a certificate",
			);
		return toCertificateInfo(readBundle(text), "default", new Date());
	}

	/** Checks once a day, after the clock was set back and when the machine has other addresses. */
	async #checkIfDue(): Promise<void> {
		if (
			!isCheckDue(this.#lastCheckMs, Date.now()) &&
			ownAddresses().join() === this.#checkedAddresses
		)
			return;
		await this.#mutex.runExclusive(async () => {
			if ((await this.#readStored()) === undefined) await this.#reconcile();
			await this.#updateAlarms();
			this.#lastCheckMs = Date.now();
		});
	}

	/** Brings the file and HAProxy to the stored certificate; else to the default, which it renews if due. */
	async #reconcile(): Promise<void> {
		if ((await this.#readStored()) === undefined)
			// An old certificate is better than none.
			await this.#default
				.renewIfDue({ names: this.#ownNames() })
				.catch((error) =>
					this.#log.error({ err: error }, "certificate renewal failed"),
				);
		const current = await this.#readCurrent();
		if (current === undefined) return;
		const { pem, certificates } = current.bundle;
		const isNew = pem !== this.#desiredPem;
		this.#desiredPem = pem;
		await this.#writeFile(pem);
		if (!isNew) return;
		this.#reconciler.requestUpdate();
		this.#listener?.(certificates.join(""));
	}

	/** Returns by which names and addresses browsers reach this machine, besides its host name. */
	#ownNames(): string[] {
		const addresses = ownAddresses();
		this.#checkedAddresses = addresses.join();
		const names = [this.#dnsName, this.#managerName].filter(
			(name) => name !== undefined,
		);
		return [...new Set(names), ...addresses];
	}

	/** The certificate in the database. */
	async #readStored(): Promise<SourcedBundle | undefined> {
		let row: unknown;
		try {
			row = await this.#config.read(configName, z.unknown());
		} catch (error) {
			if (error instanceof SecretUnreadable) return this.#readUsed();
			throw error;
		}
		if (row === undefined) return undefined;
		try {
			const { pem, source } = storedCertificate.parse(row);
			return { bundle: readBundle(pem), source };
		} catch {
			// Perhaps edited by hand: the device must stay reachable.
			this.#log.error(
				`${configName} in config is damaged; using the default certificate`,
			);
			return undefined;
		}
	}

	/** The web server's copy of a certificate that the database has, but that cannot be read there. */
	async #readUsed(): Promise<SourcedBundle | undefined> {
		const text = await readFileIfExists(this.#path);
		try {
			return { bundle: readBundle(text ?? ""), source: "upload" };
		} catch {
			return undefined;
		}
	}

	async #readCurrent(): Promise<SourcedBundle | undefined> {
		const stored = await this.#readStored();
		if (stored) return stored;
		const text = await this.#default.read();
		return text === undefined
			? undefined
			: { bundle: readBundle(text), source: "default" };
	}

	async #writeFile(pem: string): Promise<void> {
		if ((await readFileIfExists(this.#path)) !== pem)
			await runRootCommand(this.#command, ["store"], { text: pem });
	}

	/** @throws Error with HAProxy's message; HAProxy then keeps its current certificate. */
	async #updateHaproxy(pem: string | undefined): Promise<void> {
		if (pem === undefined) return;
		const socket = this.#adminSocket;
		try {
			await runHaproxyCommand(
				socket,
				`set ssl cert ${this.#path}`,
				/^Transaction (created|updated)/,
				pem.trimEnd(),
			);
			await runHaproxyCommand(
				socket,
				`commit ssl cert ${this.#path}`,
				/Success!$/,
			);
		} catch (error) {
			await sendHaproxyCommand(socket, `abort ssl cert ${this.#path}`).catch(
				() => {},
			); // There may be no transaction.
			throw error;
		}
	}

	async #updateAlarms(): Promise<void> {
		const info = await this.info().catch(() => undefined); // Checked again tomorrow.
		if (!info) return;
		const text = expiryWarning(new Date(info.validUntil), new Date());
		const { certificateExpires, certificateLacksName } = managerCodes;
		if (text)
			this.#alarms.raise({ code: certificateExpires, severity: "major", text });
		else this.#alarms.clear({}, certificateExpires);
		const name = this.#managerName;
		if (name && !isCovered(name, info.names))
			this.#alarms.raise({
				code: certificateLacksName,
				severity: "major",
				text: `The web server's certificate does not include ${name}, the manager's host name. Use one that does; until then /manager/ leads to the manager's port instead.`,
			});
		else this.#alarms.clear({}, certificateLacksName);
	}
}

function toRestoreResult(
	reason: string | undefined,
	wasDefault: boolean,
): Omit<RestoreResult, "validUntil"> {
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
