import { connect, isIP, type Socket } from "node:net";
import { addAbortSignal } from "node:stream";
import { checkServerIdentity, connect as connectTls } from "node:tls";
import type { TlsSettings } from "./protocol.ts";

/** A PostgreSQL server on the network. */
export interface DatabaseServer {
	/** DNS name or IP address. */
	host: string;
	port: number;
	tls: TlsSettings;
}

/** The server does not support TLS, and the mode requires it. */
export class TlsRefusedError extends Error {
	override name = "TlsRefusedError";

	constructor() {
		super("The server does not support TLS");
	}
}

/** The server does not speak PostgreSQL's protocol. */
export class NotPostgresqlError extends Error {
	override name = "NotPostgresqlError";

	constructor() {
		super("The server is not a PostgreSQL server");
	}
}

/** SSLRequest: its length, 8, and the request code 80877103 in the place of a protocol version. */
const tlsRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * Connects and negotiates TLS with the server as libpq does: `prefer` continues without TLS if
 * the server does not support it or the handshake fails.
 * @param signal aborts the attempt, or later the connection.
 * @throws TlsRefusedError, NotPostgresqlError, and Node's errors with their codes.
 */
export async function openDatabaseSocket(
	server: DatabaseServer,
	signal: AbortSignal,
): Promise<Socket> {
	const { mode } = server.tls;
	const socket = await connectTcp(server, signal);
	if (mode === "disable") return socket;
	try {
		if (await requestTls(socket)) return await startTls(socket, server, signal);
	} catch (error) {
		socket.destroy();
		if (mode !== "prefer" || signal.aborted) throw error;
		return connectTcp(server, signal);
	}
	if (mode === "prefer") return socket;
	socket.destroy();
	throw new TlsRefusedError();
}

function connectTcp(
	{ host, port }: DatabaseServer,
	signal: AbortSignal,
): Promise<Socket> {
	const socket = addAbortSignal(signal, connect(port, host));
	socket.setNoDelay(true);
	return waitFor(socket, "connect");
}

/** @returns whether the server supports TLS. */
async function requestTls(socket: Socket): Promise<boolean> {
	const answered = new Promise<Buffer>((resolve, reject) => {
		socket.once("data", (answer: Buffer) => {
			socket.pause();
			resolve(answer);
		});
		socket.once("error", reject);
		socket.once("close", () => reject(new NotPostgresqlError()));
	});
	socket.write(tlsRequest);
	const answer = (await answered).toString("latin1");
	// Exactly one byte: anything after it may have been injected by a man in the middle
	// and must not count as the server's.
	if (answer !== "S" && answer !== "N") throw new NotPostgresqlError();
	return answer === "S";
}

function startTls(
	socket: Socket,
	{ host, tls: { mode, ca } }: DatabaseServer,
	signal: AbortSignal,
): Promise<Socket> {
	const isTrustRequired =
		mode.startsWith("verify") || (mode === "require" && ca !== undefined);
	const secure = connectTls({
		socket,
		rejectUnauthorized: isTrustRequired,
		checkServerIdentity: (_name, certificate) =>
			mode === "verify-full"
				? checkServerIdentity(host, certificate)
				: undefined,
		...(ca !== undefined && { ca }),
		// SNI takes names only, no addresses (RFC 6066).
		...(isIP(host) === 0 && { servername: host }),
	});
	return waitFor(addAbortSignal(signal, secure), "secureConnect");
}

function waitFor<Stream extends Socket>(
	socket: Stream,
	event: "connect" | "secureConnect",
): Promise<Stream> {
	return new Promise((resolve, reject) => {
		socket.once(event, () => resolve(socket));
		socket.once("error", reject);
		socket.once("close", () => reject(new NotPostgresqlError()));
	});
}
