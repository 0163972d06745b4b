import type { Console } from "../machine/index.ts";
import { outputOf } from "./steps.ts";

/** Returns a program for Node that makes the device's PostgreSQL answer at a port of 127.0.0.1, without TLS. */
export function databaseRelay(port: number): string {
	const program = `const net = require("net");
		net.createServer((socket) => {
			const server = net.connect("/run/postgresql/.s.PGSQL.5432");
			socket.pipe(server).pipe(socket);
			for (const end of [socket, server]) end.on("error", () => {});
		}).listen(${port}, "127.0.0.1")`;
	return program.replace(/\s+/g, " ");
}

/** The device's PostgreSQL, at a port of 127.0.0.1 as if it ran on another host, without TLS. */
export async function otherDatabaseHost(
	console: Console,
	port: number,
): Promise<void> {
	const program = databaseRelay(port);
	await outputOf(console, `node -e '${program}' </dev/null >/dev/null 2>&1 &`);
}
