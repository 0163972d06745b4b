import { once } from "node:events";
import { createServer } from "node:net";

/** On loopback. Somebody else may take it meanwhile; that is seen at once. */
export async function freePort(): Promise<number> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const address = server.address();
	server.close();
	return typeof address === "object" && address ? address.port : 0;
}
