import { generateKeyPairSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import { rootCertificates } from "node:tls";
import { Mutex } from "async-mutex";
import type { Challenges } from "./challenges.ts";

/** All orders share acme-client's only HTTP client. */
const mutex = new Mutex();
const requestTimeoutMs = 30_000;
const maxResponseBytes = 256 * 1024;

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
	/** PEM file of CA certificates to trust for the authority's server, besides the usual ones. */
	caFile: string | undefined;
	signal: AbortSignal;
}

/** Creates a private key, as PEM. */
export function createKey(): string {
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/**
 * Orders a certificate from an ACME authority (RFC 8555) and proves the names by http-01.
 * Whatever the authority answers, requests use HTTPS only and are limited in number.
 * @returns certificates and private key, as PEM.
 * @throws Error with the authority's message.
 */
export function orderCertificate(order: Order): Promise<string> {
	return mutex.runExclusive(() => makeOrder(order));
}

async function makeOrder({
	account: { directoryUrl, email, accountKey },
	names,
	challenges,
	caFile,
	signal,
}: Order): Promise<string> {
	signal.throwIfAborted();
	// Imported only when needed, because it takes some MB of memory.
	const acme = await import("acme-client");
	const additional = caFile ? [await readFile(caFile, "utf8")] : [];
	const agent = new Agent({ ca: [...rootCertificates, ...additional] });
	Object.assign(acme.axios.defaults, {
		httpsAgent: agent,
		proxy: false,
		maxRedirects: 0,
		timeout: requestTimeoutMs,
		maxContentLength: maxResponseBytes,
		signal,
	});
	// acme-client's interceptors wait as long as the authority says and hide connection errors.
	acme.axios.interceptors.response.clear();
	acme.axios.interceptors.request.clear();
	acme.axios.interceptors.request.use((request) => {
		if (!request.url?.startsWith("https://"))
			throw new Error("The authority refers to an address without HTTPS");
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
		const key = createKey();
		const [, csr] = await acme.crypto.createCsr(
			{ commonName: "", altNames: [...names] },
			key,
		);
		const certificates = await client.auto({
			csr,
			...(email && { email }),
			termsOfServiceAgreed: true,
			// A device behind a router may be unable to reach itself by its name.
			skipChallengeVerification: true,
			challengePriority: ["http-01"],
			async challengeCreateFn({ identifier }, { type, token }, answer) {
				if (type !== "http-01")
					throw new Error(
						`The authority does not offer http-01 for ${identifier.value}`,
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
