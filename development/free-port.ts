import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** One of those that Linux gives to nobody who asks for any port: who takes it later has it still. */
export function freePort(): Promise<number> {
	return freePortFrom(randomInt(10_000, 30_000));
}

/** The first from there on that nobody has on the loopback. */
export async function freePortFrom(first: number): Promise<number> {
	for (let port = first; ; port++) {
		const server = createServer().listen(port, "127.0.0.1");
		const isFree = await once(server, "listening").then(
			() => true,
			() => false,
		);
		server.close();
		if (isFree) return port;
	}
}
