import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Finds a port outside of the range from which Linux assigns ports, so that it stays free until it is used. */
export function freePort(): Promise<number> {
	return freePortFrom(randomInt(10_000, 30_000));
}

/** Finds the first free port on 127.0.0.1, starting from `first`. */
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
