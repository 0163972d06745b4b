import { connect, isIP } from "node:net";
import {
	type Connection,
	type ConnectionOptions,
	createConnection,
	type SslOptions,
} from "mysql2";
import type { ConnectionFacts, ConnectionTarget } from "./target.ts";

const countEveryMs = 50;

/** @throws errors of `mysql2` and of Node. */
export async function lookAtMysql(
	target: ConnectionTarget,
	limits: { limitMs: number; mostBytes: number },
): Promise<ConnectionFacts> {
	const { host, tls = { mode: "prefer" } } = target;
	if (tls.mode === "verify-full" && isIP(host))
		throw Object.assign(new Error(), { code: "nameNeeded" });
	if (tls.mode === "disable") return look(target, undefined, limits);
	const isTrustNeeded =
		tls.mode.startsWith("verify") ||
		(tls.mode === "require" && tls.ca !== undefined);
	const ssl: SslOptions = {
		rejectUnauthorized: isTrustNeeded,
		verifyIdentity: tls.mode === "verify-full",
		...(tls.ca !== undefined && { ca: tls.ca }),
	};
	return look(target, ssl, limits).catch((error) => {
		const isTlsProblem = /^HANDSHAKE_(NO_SSL_SUPPORT|SSL_ERROR)$/.test(
			error.code,
		);
		if (tls.mode !== "prefer" || !isTlsProblem) throw withOwnCode(error);
		return look(target, undefined, limits);
	});
}

async function look(
	{ host, port = 3306, name, user, password }: ConnectionTarget,
	ssl: SslOptions | undefined,
	{ limitMs, mostBytes }: { limitMs: number; mostBytes: number },
): Promise<ConnectionFacts> {
	const socket = connect(port, host);
	const counter = setInterval(() => {
		if (socket.bytesRead > mostBytes)
			socket.destroy(new Error("The server does not stop talking"));
	}, countEveryMs);
	const options: ConnectionOptions = {
		...{ host, port, user, password, database: name },
		stream: socket,
		connectTimeout: limitMs,
		charset: "UTF8MB4_UNICODE_CI",
		// The server may not ask for our files.
		flags: ["-LOCAL_FILES"],
		...(ssl && { ssl }),
	};
	const connection = createConnection(options);
	try {
		return { version: await versionOf(connection), usesTls: ssl !== undefined };
	} finally {
		clearInterval(counter);
		connection.destroy();
	}
}

function versionOf(connection: Connection): Promise<string> {
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

/** `mysql2` puts its own code in the place of OpenSSL's, of which only the words are left. */
function withOwnCode(error: Error & { code?: string }): Error {
	if (error.code !== "HANDSHAKE_SSL_ERROR") return error;
	for (const [words, code] of [
		[/self.signed certificate in/, "SELF_SIGNED_CERT_IN_CHAIN"],
		[/self.signed/, "DEPTH_ZERO_SELF_SIGNED_CERT"],
		[/unable to (get|verify)/, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
		[/certificate has expired/, "CERT_HAS_EXPIRED"],
		[/altnames/, "ERR_TLS_CERT_ALTNAME_INVALID"],
	] as const)
		if (words.test(error.message)) error.code = code;
	return error;
}
