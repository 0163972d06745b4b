import type { ConnectionProblem, ConnectionTarget } from "./target.ts";

/** For administrators: what it is, and where one could look. */
export function inWords(
	problem: ConnectionProblem,
	{ host, port, kind, name, user }: ConnectionTarget,
): string {
	const product = kind === "mysql" ? "MySQL" : "PostgreSQL";
	switch (problem) {
		case "nameNotFound":
			return `The name ${host} is not found: is it right, and does DNS work?`;
		case "unreachable":
			return `There is no way to ${host}: is the network right?`;
		case "refused":
			return `${host} refuses connections on port ${port}: does ${product} run there, and listen on the network?`;
		case "timedOut":
			return `${host} did not answer in time on port ${port}: does a firewall keep it back?`;
		case "noSuchServer":
			return `What answers on port ${port} of ${host} is no ${product} server that we understand`;
		case "tlsRefused":
			return "The server takes no TLS: switch it on there, or choose the mode prefer or disable";
		case "tlsFailed":
			return "The server and we could not agree on TLS";
		case "notTrusted":
			return "The server's certificate is of nobody whom we trust: give the certificate of who has signed it";
		case "expired":
			return "The server's certificate has expired or is not valid yet: is the time right on both sides?";
		case "wrongName":
			return `The server's certificate is not for ${host}: use the name that is in it, or the mode verify-ca`;
		case "nameNeeded":
			return "The mode verify-full needs a DNS name for MySQL: addresses in certificates are not looked at";
		case "passwordWrong":
			return `The server does not know the user ${user} with this password`;
		case "notAllowed":
			return `The server does not let ${user} in from here: look at its access rules (pg_hba.conf), and at the rights on the database`;
		case "databaseMissing":
			return `There is no database ${name} for ${user}: make it on the server`;
		case "busy":
			return "The server is starting, or has too many connections";
	}
}
