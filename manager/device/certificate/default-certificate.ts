import { stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { runRootCommand } from "../../shared/root-command.ts";
import { readFileIfExists } from "../../shared/secret-file.ts";
import { readBundle } from "./bundle.ts";
import { dayMs } from "./certificate-info.ts";
import { alternativeNames, isCovered } from "./names.ts";
import { CertificateRefused } from "./pem.ts";

/** A day before the warning, which appears 30 days before the expiry. */
const renewBeforeMs = 31 * dayMs;

/** The self-signed certificate that the device has made for itself. */
export class DefaultCertificate {
	readonly #path: string;
	readonly #command: string;
	readonly #log: Log;

	/** @param command replaces the file at its argument `make`, as S90haproxy does at the first start. */
	constructor(path: string, command: string, log: Log) {
		this.#path = path;
		this.#command = command;
		this.#log = log;
	}

	/** @returns undefined if there is none. */
	read(): Promise<string | undefined> {
		return readFileIfExists(this.#path);
	}

	/**
	 * Creates a new certificate if that is due.
	 * @param isRequested whether an admin requests it, which means that the clock is right.
	 * @param names host names and IP addresses that it has to include besides the machine's own host name.
	 * @returns the reason; undefined if the current certificate is good or if there is no web server.
	 * @throws OperationError if it cannot be created; the current certificate stays.
	 */
	async renewIfDue({
		isRequested = false,
		names,
	}: {
		isRequested?: boolean;
		names: readonly string[];
	}): Promise<string | undefined> {
		const hasWebServer = await stat(dirname(this.#path)).then(
			() => true,
			() => false,
		);
		if (!hasWebServer) return undefined;
		const reason = renewalReason(await this.read(), new Date(), isRequested, [
			hostname().toLowerCase(),
			...names,
		]);
		if (reason === undefined) return undefined;
		try {
			await runRootCommand(this.#command, ["make", ...names]);
		} catch (error) {
			throw new OperationError(
				"failed",
				"renewalFailed",
				`The device's own certificate cannot be renewed: ${(error as Error).message}`,
				{ cause: error },
			);
		}
		this.#log.info({ reason }, "the device's own certificate was renewed");
		return reason;
	}
}

/** @returns why a new certificate is due, as the end of a sentence; undefined if it is not. */
export function renewalReason(
	text: string | undefined,
	now: Date,
	isRequested: boolean,
	names: readonly string[] = [],
): string | undefined {
	if (text === undefined) return "it was missing";
	try {
		const [leaf] = readBundle(text).certificates;
		if (!leaf) return "it was damaged";
		const from = new Date(leaf.validFrom);
		const until = new Date(leaf.validTo);
		const onDate = `on ${until.toISOString().slice(0, 10)}`;
		if (now > until) return `it expired ${onDate}`;
		if (until.getTime() - now.getTime() < renewBeforeMs)
			return `it was about to expire ${onDate}`;
		// Not renewed automatically: more likely the clock is not set yet.
		if (isRequested && now < from)
			return `it was not valid before ${from.toISOString().slice(0, 10)}`;
		const included = alternativeNames(leaf);
		const missing = names.filter((name) => !isCovered(name, included));
		return missing.length > 0
			? `it did not include ${missing.join(", ")}`
			: undefined;
	} catch (error) {
		if (!(error instanceof CertificateRefused)) throw error;
		return `it was damaged (${error.message})`;
	}
}

/** Returns whether a day has passed or the clock was set back since the last check. */
export function isCheckDue(lastCheckMs: number, nowMs: number): boolean {
	return nowMs < lastCheckMs || nowMs >= lastCheckMs + dayMs;
}
