import { type LookupAddress, lookup } from "node:dns";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isInsideAddress } from "./inside-address.ts";

const maxRedirects = 5;
/** As Node's own agents. */
const agentOptions = { keepAlive: true, timeout: 5_000 };
const agents = {
	http: new http.Agent(agentOptions),
	https: new https.Agent(agentOptions),
};

/** The server refuses, or a redirect is not followed; retrying would give the same result. */
export class DownloadRefused extends Error {
	override name = "DownloadRefused";
	/** Of the response, if it is the reason. */
	readonly status: number | undefined;

	constructor(message: string, status?: number) {
		super(message);
		this.status = status;
	}
}

/**
 * Requests a URL and follows redirects, none of them from https to http. A server outside must not make this machine
 * send requests to addresses that it cannot reach itself: only a server inside may redirect to addresses inside.
 * @param isInside replaces the test for such addresses.
 * @returns the first response that is not a redirect; its body is not read yet.
 * @throws DownloadRefused; any other error is worth a retry.
 */
export async function followRedirects(
	start: string,
	headers: Record<string, string>,
	signal: AbortSignal,
	isInside: (address: string) => boolean = isInsideAddress,
): Promise<IncomingMessage> {
	let url = new URL(start);
	let refusesInside = false;
	for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
		const response = await request(
			url,
			headers,
			signal,
			refusesInside ? isInside : undefined,
		);
		const { statusCode = 0, socket } = response;
		const { location } = response.headers;
		if (statusCode < 300 || statusCode >= 400 || location === undefined)
			return response;
		// The address of the connection: a name may have another one by now.
		if (redirects === 0) refusesInside = !isInside(socket.remoteAddress ?? "");
		response.destroy();
		const next = new URL(location, url);
		if (next.protocol !== "https:" && next.protocol !== url.protocol)
			throw new DownloadRefused(
				`${url.host} redirects to ${next.protocol}//, which is not followed`,
			);
		url = next;
	}
	throw new DownloadRefused(`it redirects more than ${maxRedirects} times`);
}

/**
 * Sends a GET request.
 * @param isRefused of addresses; without it, all are allowed.
 */
async function request(
	url: URL,
	headers: Record<string, string>,
	signal: AbortSignal,
	isRefused: ((address: string) => boolean) | undefined,
): Promise<IncomingMessage> {
	if (url.username !== "" || url.password !== "")
		throw new DownloadRefused("an address with a password is not supported");
	const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
	if (isRefused && isIP(host) !== 0 && isRefused(host))
		throw redirectInside(host, host);
	const isTls = url.protocol === "https:";
	const options: https.RequestOptions = {
		headers: {
			accept: "*/*",
			"user-agent": "App Platform",
			// Downloads are already compressed, and a small response must not inflate to a large one.
			"accept-encoding": "identity",
			...headers,
		},
		// A connection in the pool was made without the test.
		...(isRefused
			? { agent: false, lookup: lookupWithout(isRefused) }
			: { agent: isTls ? agents.https : agents.http }),
	};
	const send = (options: https.RequestOptions) =>
		new Promise<IncomingMessage>((resolve, reject) => {
			signal.throwIfAborted();
			const sent = (isTls ? https : http).request(url, options);
			const abort = () => void sent.destroy(signal.reason);
			signal.addEventListener("abort", abort, { once: true });
			sent.once("response", (response) => {
				signal.removeEventListener("abort", abort);
				signal.addEventListener(
					"abort",
					() => void response.destroy(signal.reason),
					{ once: true },
				);
				resolve(response);
			});
			// Also after the response, whose own error then counts.
			sent.on("error", (error) =>
				sent.reusedSocket && !signal.aborted
					? // The server has closed an idle connection.
						resolve(send({ ...options, agent: false }))
					: reject(error),
			);
			sent.end();
		});
	return send(options).catch((error: Error) => {
		signal.throwIfAborted();
		if (error instanceof DownloadRefused) throw error;
		// Without errno, by which callers know errors of the disk. That of several addresses has no message.
		const [first = error] = error instanceof AggregateError ? error.errors : [];
		throw new Error(first.message, { cause: error });
	});
}

/** Looks names up for a connection, so that the addresses tested are those connected to. */
function lookupWithout(
	isRefused: (address: string) => boolean,
): LookupFunction {
	return (hostname, options, callback) =>
		lookup(
			hostname,
			options,
			(error, found: string | LookupAddress[], family) => {
				const addresses =
					typeof found === "string"
						? [found]
						: (found ?? []).map(({ address }) => address);
				const refused = error
					? undefined
					: addresses.find((one) => isRefused(one));
				if (refused === undefined) callback(error, found, family);
				else callback(redirectInside(hostname, refused), "");
			},
		);
}

function redirectInside(host: string, address: string): DownloadRefused {
	const name = host === address ? host : `${host} (${address})`;
	return new DownloadRefused(
		`the server redirects to ${name}, an address inside this network, which is not followed`,
	);
}
