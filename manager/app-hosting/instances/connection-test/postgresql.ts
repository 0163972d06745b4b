import { Client, type ClientConfig } from "pg";
import { DatabaseStream } from "../../../../sdk/database-stream.ts";
import type { ConnectionFacts, ConnectionTarget } from "./target.ts";

/** @throws errors of `pg`, of its stream, and of Node. */
export async function lookAtPostgresql(
	{ host, port, tls, name, user, password }: ConnectionTarget,
	{ limitMs, mostBytes }: { limitMs: number; mostBytes: number },
): Promise<ConnectionFacts> {
	const isRemote = port !== undefined && tls !== undefined;
	const stream = isRemote
		? new DatabaseStream({ host, port, tls }, mostBytes)
		: undefined;
	const config: ClientConfig = {
		...{ host, database: name, user, password, ssl: false },
		connectionTimeoutMillis: limitMs,
		query_timeout: limitMs,
		...(stream && { stream: () => stream }),
	};
	const client = new Client(config);
	client.on("error", () => {}); // What is under way fails as well and tells.
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
