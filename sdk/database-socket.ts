import { connect, isIP, type Socket } from "node:net";
import { addAbortSignal } from "node:stream";
import { checkServerIdentity, connect as connectTls } from "node:tls";
import type { TlsSettings } from "./protocol.ts";

/** A PostgreSQL server that is reached over the network. */
export interface DatabaseServer {
	/** DNS name or IP address. */
	host: string;
	port: number;
	tls: TlsSettings;
}

/** The server takes no TLS, and we have to have it. */
export class TlsRefused extends Error {
	override name = "TlsRefused";

	constructor() {
		super("The server takes no TLS");
	}
}

/** What answers there does not speak PostgreSQL's protocol. */
export class NoPostgresql extends Error {
	override name = "NoPostgresql";

	constructor() {
		super("What answers is no PostgreSQL server");
	}
}

/** Its length, 8, and a number that stands where others say their protocol's version. */
const tlsRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * Connects, and agrees on TLS with the server, as libpq does: `prefer` goes on without it where
 * the server does not take it, or there is no way to.
 * @param signal ends the attempt; afterwards, the connection.
 * @throws TlsRefused, NoPostgresql, and errors of Node with its codes.
 */
export async function openDatabaseSocket(
	server: DatabaseServer,
	signal: AbortSignal,
): Promise<Socket> {
	const { mode } = server.tls;
	const socket = await connected(server, signal);
	if (mode === "disable") return socket;
	try {
		if (await takesTls(socket)) return await secured(socket, server, signal);
	} catch (error) {
		socket.destroy();
		if (mode !== "prefer" || signal.aborted) throw error;
		return connected(server, signal);
	}
	if (mode === "prefer") return socket;
	socket.destroy();
	throw new TlsRefused();
}

function connected(
	{ host, port }: DatabaseServer,
	signal: AbortSignal,
): Promise<Socket> {
	const socket = addAbortSignal(signal, connect(port, host));
	socket.setNoDelay(true);
	return becomes(socket, "connect");
}

async function takesTls(socket: Socket): Promise<boolean> {
	const answered = new Promise<Buffer>((resolve, reject) => {
		socket.once("data", (answer: Buffer) => {
			socket.pause();
			resolve(answer);
		});
		socket.once("error", reject);
		socket.once("close", () => reject(new NoPostgresql()));
	});
	socket.write(tlsRequest);
	const answer = (await answered).toString("latin1");
	// Exactly one letter: what somebody in between has put behind it must not count as the server's.
	if (answer !== "S" && answer !== "N") throw new NoPostgresql();
	return answer === "S";
}

function secured(
	socket: Socket,
	{ host, tls: { mode, ca } }: DatabaseServer,
	signal: AbortSignal,
): Promise<Socket> {
	const isTrustNeeded =
		mode.startsWith("verify") || (mode === "require" && ca !== undefined);
	const secure = connectTls({
		socket,
		rejectUnauthorized: isTrustNeeded,
		checkServerIdentity: (_name, certificate) =>
			mode === "verify-full"
				? checkServerIdentity(host, certificate)
				: undefined,
		...(ca !== undefined && { ca }),
		// It is for names only (RFC 6066).
		...(isIP(host) === 0 && { servername: host }),
	});
	return becomes(addAbortSignal(signal, secure), "secureConnect");
}

function becomes<Stream extends Socket>(
	socket: Stream,
	event: "connect" | "secureConnect",
): Promise<Stream> {
	return new Promise((resolve, reject) => {
		socket.once(event, () => resolve(socket));
		socket.once("error", reject);
		socket.once("close", () => reject(new NoPostgresql()));
	});
}
