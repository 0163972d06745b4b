import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";

/** Seconds from 1900, where NTP's time begins, to 1970. */
const ntpEpoch = 2_208_988_800;

/** An NTP server on a port of 127.0.0.1 with this host's time (RFC 5905). */
export class TestTimeServer {
	readonly #socket: Socket = createSocket("udp4");

	static async create(): Promise<TestTimeServer> {
		const server = new TestTimeServer();
		server.#socket.on("message", (request, { port, address }) => {
			const received = timestamp();
			const answer = Buffer.concat([
				// Version 4, server; stratum 1; precision 2^-20 s; neither delay nor dispersion.
				Buffer.from([0x24, 1, 6, 0xec]),
				Buffer.alloc(8),
				Buffer.from("LOCL"),
				received,
				request.subarray(40, 48),
				received,
				timestamp(),
			]);
			server.#socket.send(answer, port, address);
		});
		server.#socket.bind(0, "127.0.0.1");
		await once(server.#socket, "listening");
		return server;
	}

	get port(): number {
		return (this.#socket.address() as AddressInfo).port;
	}

	stop(): void {
		this.#socket.close();
	}
}

function timestamp(): Buffer {
	const seconds = Date.now() / 1000;
	const bytes = Buffer.alloc(8);
	bytes.writeUInt32BE(Math.floor(seconds) + ntpEpoch, 0);
	bytes.writeUInt32BE(Math.floor((seconds % 1) * 2 ** 32), 4);
	return bytes;
}
