import { Client, type ClientConfig } from "pg";
import { DatabaseStream } from "../../../../sdk/database-stream.ts";
import type { ConnectionFacts, ConnectionTarget } from "./connection-result.ts";

/** Connects to PostgreSQL. @throws errors of `pg`, of its stream, and of Node. */
export async function connectToPostgresql(
	{ host, port, tls, name, user, password }: ConnectionTarget,
	{ timeoutMs, maxBytes }: { timeoutMs: number; maxBytes: number },
): Promise<ConnectionFacts> {
	const isRemote = port !== undefined && tls !== undefined;
	const stream = isRemote
		? new DatabaseStream({ host, port, tls }, maxBytes)
		: undefined;
	const config: ClientConfig = {
		...{ host, database: name, user, password, ssl: false },
		connectionTimeoutMillis: timeoutMs,
		query_timeout: timeoutMs,
		...(stream && { stream: () => stream }),
	};
	const client = new Client(config);
	client.on("error", () => {}); // The pending call fails too and reports it.
	try {
		await client.connect();
		const { rows } = await client.query("SHOW server_version");
		return {
			version: String(rows[0]?.server_version),
			usesTls: stream?.usesTls ?? false,
		};
	} finally {
		stream?.destroy();
		void client.end().catch(() => {});
	}
}
