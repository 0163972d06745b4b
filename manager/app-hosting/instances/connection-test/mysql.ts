import { connect, isIP } from "node:net";
import {
	type Connection,
	type ConnectionOptions,
	createConnection,
	type SslOptions,
} from "mysql2";
import type { ConnectionFacts, ConnectionTarget } from "./connection-result.ts";

const checkIntervalMs = 50;

/** Connects to MySQL. @throws errors of `mysql2` and of Node. */
export async function connectToMysql(
	target: ConnectionTarget,
	limits: { timeoutMs: number; maxBytes: number },
): Promise<ConnectionFacts> {
	const { host, tls = { mode: "prefer" } } = target;
	if (tls.mode === "verify-full" && isIP(host))
		throw Object.assign(new Error(), { code: "nameNeeded" });
	if (tls.mode === "disable") return readFacts(target, undefined, limits);
	const isTrustNeeded =
		tls.mode.startsWith("verify") ||
		(tls.mode === "require" && tls.ca !== undefined);
	const ssl: SslOptions = {
		rejectUnauthorized: isTrustNeeded,
		verifyIdentity: tls.mode === "verify-full",
		...(tls.ca !== undefined && { ca: tls.ca }),
	};
	return readFacts(target, ssl, limits).catch((error) => {
		const isTlsProblem = /^HANDSHAKE_(NO_SSL_SUPPORT|SSL_ERROR)$/.test(
			error.code,
		);
		if (tls.mode !== "prefer" || !isTlsProblem) throw withOpensslCode(error);
		return readFacts(target, undefined, limits);
	});
}

async function readFacts(
	{ host, port = 3306, name, user, password }: ConnectionTarget,
	ssl: SslOptions | undefined,
	{ timeoutMs, maxBytes }: { timeoutMs: number; maxBytes: number },
): Promise<ConnectionFacts> {
	const socket = connect(port, host);
	const sizeCheck = setInterval(() => {
		if (socket.bytesRead > maxBytes)
			socket.destroy(new Error("The server sends too much"));
	}, checkIntervalMs);
	const options: ConnectionOptions = {
		...{ host, port, user, password, database: name },
		stream: socket,
		connectTimeout: timeoutMs,
		charset: "UTF8MB4_UNICODE_CI",
		// The server must not request local files.
		flags: ["-LOCAL_FILES"],
		...(ssl && { ssl }),
	};
	const connection = createConnection(options);
	try {
		return {
			version: await readVersion(connection),
			usesTls: ssl !== undefined,
		};
	} finally {
		clearInterval(sizeCheck);
		connection.destroy();
	}
}

function readVersion(connection: Connection): Promise<string> {
	return new Promise((resolve, reject) => {
		connection.on("error", reject);
		connection.query("SELECT VERSION() AS version", (error, rows) => {
			if (error) reject(error);
			else resolve(String(Array.isArray(rows) && versionIn(rows[0])));
		});
	});
}

function versionIn(row: unknown): unknown {
	return typeof row === "object" && row && "version" in row && row.version;
}

/** Restores OpenSSL's error code from the message, because `mysql2` replaces the code with its own. */
function withOpensslCode(error: Error & { code?: string }): Error {
	if (error.code !== "HANDSHAKE_SSL_ERROR") return error;
	for (const [message, code] of [
		[/self.signed certificate in/, "SELF_SIGNED_CERT_IN_CHAIN"],
		[/self.signed/, "DEPTH_ZERO_SELF_SIGNED_CERT"],
		[/unable to (get|verify)/, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
		[/certificate has expired/, "CERT_HAS_EXPIRED"],
		[/altnames/, "ERR_TLS_CERT_ALTNAME_INVALID"],
	] as const)
		if (message.test(error.message)) error.code = code;
	return error;
}
