import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/** A UNIX socket that QEMU connects to, so that nothing has to poll for a socket file. */
export type Channel = {
	path: string;
	/** Resolves with the connection once QEMU has connected. */
	connected: Promise<Socket>;
	close(): void;
};

export async function openChannel(path: string): Promise<Channel> {
	const server = createServer();
	let peer: Socket | undefined;
	const connected = once(server, "connection").then(([socket]) => {
		peer = socket as Socket;
		// A guest that loses its power resets the connection; readers see the close event.
		peer.on("error", () => {});
		server.close();
		return peer;
	});
	connected.catch(() => {});
	server.listen(path);
	await once(server, "listening");
	return {
		path,
		connected,
		close() {
			server.close();
			peer?.destroy();
		},
	};
}
