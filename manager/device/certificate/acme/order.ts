import { generateKeyPairSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import { rootCertificates } from "node:tls";
import { Mutex } from "async-mutex";
import type { Challenges } from "./challenges.ts";

/** acme-client has one HTTP client for everybody. */
const mutex = new Mutex();
const requestLimitMs = 30_000;
const mostAnswerBytes = 256 * 1024;

export interface Account {
	directoryUrl: string;
	email: string;
	/** PEM. */
	accountKey: string;
}

export interface Order {
	account: Account;
	names: readonly string[];
	challenges: Challenges;
	/** Certificates, in PEM, that vouch for the authority besides the usual ones. */
	authoritiesFile: string | undefined;
	signal: AbortSignal;
}

/** A private key, as PEM. */
export function newKey(): string {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/**
 * Orders a certificate from an ACME authority (RFC 8555) and proves the names by http-01.
 * Whatever the authority answers, it is asked over HTTPS only and not without end.
 * @returns certificates and private key, as PEM.
 * @throws Error with the authority's words.
 */
export function orderCertificate(order: Order): Promise<string> {
	return mutex.runExclusive(() => makeOrder(order));
}

async function makeOrder({
	account: { directoryUrl, email, accountKey },
	names,
	challenges,
	authoritiesFile,
	signal,
}: Order): Promise<string> {
	signal.throwIfAborted();
	// Not before it is needed: it takes some MB of memory.
	const acme = await import("acme-client");
	const more = authoritiesFile ? [await readFile(authoritiesFile, "utf8")] : [];
	const agent = new Agent({ ca: [...rootCertificates, ...more] });
	Object.assign(acme.axios.defaults, {
		httpsAgent: agent,
		proxy: false,
		maxRedirects: 0,
		timeout: requestLimitMs,
		maxContentLength: mostAnswerBytes,
		signal,
	});
	// acme-client's own wait as long as the authority says, and hide why it was not reached.
	acme.axios.interceptors.response.clear();
	acme.axios.interceptors.request.clear();
	acme.axios.interceptors.request.use((request) => {
		if (!request.url?.startsWith("https://"))
			throw new Error("The authority leads to an address without https");
		return request;
	});
	try {
		const client = new acme.Client({
			directoryUrl,
			accountKey,
			backoffMin: 1_000,
			backoffMax: 15_000,
			backoffAttempts: 12,
		});
		const key = newKey();
		const [, csr] = await acme.crypto.createCsr(
			{ commonName: "", altNames: [...names] },
			key,
		);
		const certificates = await client.auto({
			csr,
			...(email && { email }),
			termsOfServiceAgreed: true,
			// A device behind a router may not reach itself by its name.
			skipChallengeVerification: true,
			challengePriority: ["http-01"],
			async challengeCreateFn({ identifier }, { type, token }, answer) {
				if (type !== "http-01")
					throw new Error(
						`The authority does not check ${identifier.value} by http-01`,
					);
				challenges.set(token, answer);
			},
			async challengeRemoveFn(_authorization, { token }) {
				challenges.delete(token);
			},
		});
		return `${certificates.trimEnd()}\n${key}`;
	} finally {
		agent.destroy();
	}
}
