import type { DatabaseHost } from "../../../../sdk/protocol.ts";

/** A database to which a connection is tested. */
export interface ConnectionTarget extends Partial<DatabaseHost> {
	/** Directory of the UNIX socket; or DNS name or IP address, then with port, kind and TLS. */
	host: string;
	name: string;
	user: string;
	password: string;
}

export interface ConnectionFacts {
	/** As the server reports it. */
	version: string;
	usesTls: boolean;
}

export type ConnectionProblem =
	| "nameNotFound"
	| "unreachable"
	| "refused"
	| "timedOut"
	| "noSuchServer"
	| "tlsRefused"
	| "tlsFailed"
	| "notTrusted"
	| "expired"
	| "wrongName"
	| "nameNeeded"
	| "passwordWrong"
	| "notAllowed"
	| "databaseMissing"
	| "busy";

export type ConnectionResult = ConnectionFacts | { problem: ConnectionProblem };

/** By codes of PostgreSQL (SQLSTATE), MySQL, Node and OpenSSL. */
const problems: Readonly<Record<string, ConnectionProblem>> = {
	ENOTFOUND: "nameNotFound",
	EAI_AGAIN: "nameNotFound",
	EHOSTUNREACH: "unreachable",
	ENETUNREACH: "unreachable",
	EADDRNOTAVAIL: "unreachable",
	ECONNREFUSED: "refused",
	ENOENT: "refused",
	ETIMEDOUT: "timedOut",
	ABORT_ERR: "timedOut",
	TlsRefusedError: "tlsRefused",
	HANDSHAKE_NO_SSL_SUPPORT: "tlsRefused",
	ERR_TLS_CERT_ALTNAME_INVALID: "wrongName",
	CERT_HAS_EXPIRED: "expired",
	CERT_NOT_YET_VALID: "expired",
	SELF_SIGNED_CERT_IN_CHAIN: "notTrusted",
	DEPTH_ZERO_SELF_SIGNED_CERT: "notTrusted",
	UNABLE_TO_GET_ISSUER_CERT: "notTrusted",
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "notTrusted",
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: "notTrusted",
	CERT_UNTRUSTED: "notTrusted",
	INVALID_CA: "notTrusted",
	HANDSHAKE_SSL_ERROR: "tlsFailed",
	"28P01": "passwordWrong",
	"28000": "notAllowed",
	"42501": "notAllowed",
	"3D000": "databaseMissing",
	"53300": "busy",
	"57P03": "busy",
	ER_ACCESS_DENIED_ERROR: "passwordWrong",
	ER_ACCESS_DENIED_NO_PASSWORD_ERROR: "passwordWrong",
	ER_DBACCESS_DENIED_ERROR: "databaseMissing",
	ER_BAD_DB_ERROR: "databaseMissing",
	ER_HOST_NOT_PRIVILEGED: "notAllowed",
	ER_HOST_IS_BLOCKED: "notAllowed",
	ER_CON_COUNT_ERROR: "busy",
	nameNeeded: "nameNeeded",
};

/** Classifies an error without its message, which is the server's and must not reach the user. */
export function toProblem(error: unknown): ConnectionProblem {
	if (!(error instanceof Error)) return "noSuchServer";
	const code = "code" in error ? String(error.code) : error.name;
	if (Object.hasOwn(problems, code)) return problems[code] ?? "noSuchServer";
	if (/^timeout expired$|timed out$|^Query read timeout$/.test(error.message))
		return "timedOut";
	if (/^ERR_(SSL|TLS)|^EPROTO$|^ECONNRESET$/.test(code)) return "tlsFailed";
	return "noSuchServer";
}

/** Returns the reason and a cure for administrators. */
export function formatProblem(
	problem: ConnectionProblem,
	{ host, port, kind, name, user }: ConnectionTarget,
): string {
	const product = kind === "mysql" ? "MySQL" : "PostgreSQL";
	switch (problem) {
		case "nameNotFound":
			return `The name ${host} is not found: check the name and the DNS settings`;
		case "unreachable":
			return `${host} is unreachable: check the network settings`;
		case "refused":
			return `${host} refuses connections on port ${port}: check that ${product} runs there and listens on the network`;
		case "timedOut":
			return `${host} did not answer in time on port ${port}: check whether a firewall blocks the connection`;
		case "noSuchServer":
			return `The server on port ${port} of ${host} is not a supported ${product} server`;
		case "tlsRefused":
			return "The server does not support TLS: enable it there, or choose the mode prefer or disable";
		case "tlsFailed":
			return "The TLS handshake with the server failed";
		case "notTrusted":
			return "The server's certificate is not trusted: provide the certificate of the CA that issued it";
		case "expired":
			return "The server's certificate has expired or is not valid yet: check the time on both machines";
		case "wrongName":
			return `The server's certificate is not for ${host}: use the name in the certificate, or the mode verify-ca`;
		case "nameNeeded":
			return "The mode verify-full needs a DNS name for MySQL: IP addresses in certificates are not checked";
		case "passwordWrong":
			return `The server does not accept the user ${user} with this password`;
		case "notAllowed":
			return `The server does not allow ${user} to connect from here: check its access rules (pg_hba.conf) and the rights on the database`;
		case "databaseMissing":
			return `There is no database ${name} for ${user}: create it on the server`;
		case "busy":
			return "The server is starting or has too many connections";
	}
}
