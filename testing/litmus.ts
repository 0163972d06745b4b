import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { connect } from "node:tls";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Of litmus, which asks a WebDAV server what clients ask. */
export const litmusSuites = ["basic", "copymove", "props", "locks", "http"];

export interface LitmusTarget {
	/** `https://127.0.0.1:…`; the certificate may be anybody's. */
	origin: string;
	/** Of a folder there. */
	path: string;
	password: string;
	/** Where it writes its logs. */
	folder: string;
}

/** @returns what it has printed, whatever it found. */
export async function litmus(
	suite: string,
	{ origin, path, password, folder }: LitmusTarget,
): Promise<string> {
	// It leaves out a test where there is TLS.
	const plain = suite === "http" ? await withoutTls(origin) : undefined;
	const { port } = (plain?.address() ?? {}) as Partial<AddressInfo>;
	const url = `${plain ? `http://127.0.0.1:${port}` : origin}${path}`;
	try {
		const { stdout } = await run("litmus", [url, "litmus", password], {
			cwd: folder,
			env: { ...process.env, TESTS: suite },
		}).catch((error) => error as { stdout: string });
		return stdout;
	} finally {
		plain?.close();
	}
}

/** What is said to it goes on encrypted. */
async function withoutTls(origin: string): Promise<Server> {
	const { port } = new URL(origin);
	const server = createServer((socket) => {
		const encrypted = connect({
			port: Number(port),
			rejectUnauthorized: false,
		});
		socket.pipe(encrypted).pipe(socket);
		for (const end of [socket, encrypted]) end.on("error", () => {});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return server;
}
