import { once } from "node:events";
import { createServer } from "node:net";

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
