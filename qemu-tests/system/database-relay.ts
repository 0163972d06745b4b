import type { Console } from "../machine/index.ts";
import { outputOf } from "./steps.ts";

/** Returns a Node program that relays a port of 127.0.0.1 to the device's PostgreSQL, without TLS. */
export function databaseRelay(port: number): string {
	const program = `const net = require("net");
		net.createServer((socket) => {
			const server = net.connect("/run/postgresql/.s.PGSQL.5432");
			socket.pipe(server).pipe(socket);
			for (const end of [socket, server]) end.on("error", () => {});
		}).listen(${port}, "127.0.0.1")`;
	return program.replace(/\s+/g, " ");
}

/** Makes the device's PostgreSQL reachable like one on another host, at a port of 127.0.0.1 without TLS. */
export async function startDatabaseRelay(
	console: Console,
	port: number,
): Promise<void> {
	const program = databaseRelay(port);
	await outputOf(console, `node -e '${program}' </dev/null >/dev/null 2>&1 &`);
}
