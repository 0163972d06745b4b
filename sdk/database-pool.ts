import { Pool, type PoolConfig } from "pg";
import { DatabaseStream } from "./database-stream.ts";
import type { InstanceArguments } from "./protocol.ts";

const mostConnections = 2;
const connectLimitMs = 15_000;

/** @returns undefined where the database is no PostgreSQL. */
export function databasePool(
	database: InstanceArguments["database"],
): Pool | undefined {
	const { host, port, kind, tls, name, user, password } = database;
	if (kind === "mysql") return undefined;
	const config: PoolConfig = {
		...{ host, database: name, user, password },
		max: mostConnections,
	};
	// Without a port it is a UNIX socket of this machine.
	if (port === undefined || tls === undefined) return new Pool(config);
	return new Pool({
		...config,
		port,
		ssl: false, // It is the stream that does it.
		stream: () => new DatabaseStream({ host, port, tls }),
		connectionTimeoutMillis: connectLimitMs,
	});
}
