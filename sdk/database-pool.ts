import { Pool, type PoolConfig } from "pg";
import { DatabaseStream } from "./database-stream.ts";
import type { InstanceArguments } from "./protocol.ts";

const maxConnections = 2;
const connectTimeoutMs = 15_000;

/** @returns undefined if the database is MySQL. */
export function databasePool(
	database: InstanceArguments["database"],
): Pool | undefined {
	const { host, port, kind, tls, name, user, password } = database;
	if (kind === "mysql") return undefined;
	const config: PoolConfig = {
		...{ host, database: name, user, password },
		max: maxConnections,
	};
	// Without a port, `host` is the directory of a local UNIX socket.
	if (port === undefined || tls === undefined) return new Pool(config);
	return new Pool({
		...config,
		port,
		ssl: false, // DatabaseStream does TLS.
		stream: () => new DatabaseStream({ host, port, tls }),
		connectionTimeoutMillis: connectTimeoutMs,
	});
}
