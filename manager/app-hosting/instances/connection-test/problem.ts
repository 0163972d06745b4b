import type { ConnectionProblem } from "./target.ts";

/** By the codes of PostgreSQL (SQLSTATE), MySQL, Node and OpenSSL. */
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

/** What went wrong, without a word of the server's: they are not for who asks. */
export function problemOf(error: unknown): ConnectionProblem {
	if (!(error instanceof Error)) return "noSuchServer";
	const code = "code" in error ? String(error.code) : error.name;
	if (Object.hasOwn(problems, code)) return problems[code] ?? "noSuchServer";
	if (/^timeout expired$|timed out$|^Query read timeout$/.test(error.message))
		return "timedOut";
	if (/^ERR_(SSL|TLS)|^EPROTO$|^ECONNRESET$/.test(code)) return "tlsFailed";
	return "noSuchServer";
}
