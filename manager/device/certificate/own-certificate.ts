import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { Log } from "../../shared/log.ts";
import { OperationError } from "../../shared/operation-error.ts";
import { readFileIfThere } from "../../shared/secret-file.ts";
import { readBundle } from "./bundle.ts";
import { dayMs } from "./expiry.ts";
import { CertificateRefused } from "./refused.ts";

const run = promisify(execFile);
/** Before the warning, which comes 30 days before the end. */
const renewBeforeMs = 31 * dayMs;

/** The certificate that the device has made for itself. */
export class OwnCertificate {
	readonly #path: string;
	readonly #command: string;
	readonly #log: Log;

	/** @param command makes one in the file that it is given, as S90haproxy does at first. */
	constructor(path: string, command: string, log: Log) {
		this.#path = path;
		this.#command = command;
		this.#log = log;
	}

	/** @returns undefined where there is none. */
	read(): Promise<string | undefined> {
		return readFileIfThere(this.#path);
	}

	/**
	 * Makes another one where that is due.
	 * @param isAsked whether somebody asks for it, who has set the clock.
	 * @returns why; undefined where the one that is there is good, or where no web server uses it.
	 * @throws OperationError where none can be made; the one before stays.
	 */
	async renewIfDue({ isAsked = false } = {}): Promise<string | undefined> {
		const hasWebServer = await stat(dirname(this.#path)).then(
			() => true,
			() => false,
		);
		if (!hasWebServer) return undefined;
		const reason = reasonToRenew(await this.read(), new Date(), isAsked);
		if (reason === undefined) return undefined;
		try {
			await run(this.#command, [this.#path]);
		} catch (error) {
			const { stderr, message } = error as Error & { stderr?: string };
			throw new OperationError(
				"failed",
				"renewalFailed",
				`The device's own certificate cannot be renewed: ${stderr?.trim() || message}`,
				{ cause: error },
			);
		}
		this.#log.info({ reason }, "the device's own certificate was renewed");
		return reason;
	}
}

/** @returns why another one is to be made, as the end of a sentence; undefined where none is. */
export function reasonToRenew(
	text: string | undefined,
	now: Date,
	isAsked: boolean,
): string | undefined {
	if (text === undefined) return "it was missing";
	try {
		const [own] = readBundle(text).certificates;
		if (!own) return "it was damaged";
		const from = new Date(own.validFrom);
		const until = new Date(own.validTo);
		const onDate = `on ${until.toISOString().slice(0, 10)}`;
		if (now > until) return `it expired ${onDate}`;
		if (until.getTime() - now.getTime() < renewBeforeMs)
			return `it was about to expire ${onDate}`;
		// By itself the device does not renew that: a clock that is not set yet is more likely.
		if (isAsked && now < from)
			return `it was not valid before ${from.toISOString().slice(0, 10)}`;
		return undefined;
	} catch (error) {
		if (!(error instanceof CertificateRefused)) throw error;
		return `it was damaged (${error.message})`;
	}
}

/** Whether a day has passed, or the clock was set, since the last look. */
export function isLookDue(lastLookMs: number, nowMs: number): boolean {
	return nowMs < lastLookMs || nowMs >= lastLookMs + dayMs;
}
