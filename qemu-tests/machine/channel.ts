import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/** A UNIX socket on which QEMU calls us: so nobody has to wait for a file to appear. */
export type Channel = {
	path: string;
	/** QEMU's end, as soon as it has called. */
	connected: Promise<Socket>;
	close(): void;
};

export async function openChannel(path: string): Promise<Channel> {
	const server = createServer();
	let peer: Socket | undefined;
	const connected = once(server, "connection").then(([socket]) => {
		peer = socket as Socket;
		// A guest that is cut off resets its connection; whoever waits on it sees the end.
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
