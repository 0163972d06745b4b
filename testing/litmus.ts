import { execFile } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { connect } from "node:tls";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Test suites of litmus, which checks WebDAV servers for conformance. */
export const litmusSuites = ["basic", "copymove", "props", "locks", "http"];

export interface LitmusTarget {
	/** `https://127.0.0.1:…`; the certificate is not verified. */
	origin: string;
	/** Path of a directory on the server. */
	path: string;
	password: string;
	/** For litmus' logs. */
	directory: string;
}

/** Runs a suite. @returns its output, also if tests fail. */
export async function litmus(
	suite: string,
	{ origin, path, password, directory }: LitmusTarget,
): Promise<string> {
	// litmus skips a test over TLS.
	const plain = suite === "http" ? await withoutTls(origin) : undefined;
	const { port } = (plain?.address() ?? {}) as Partial<AddressInfo>;
	const url = `${plain ? `http://127.0.0.1:${port}` : origin}${path}`;
	try {
		const { stdout } = await run("litmus", [url, "litmus", password], {
			cwd: directory,
			env: { ...process.env, TESTS: suite },
		}).catch((error) => error as { stdout: string });
		return stdout;
	} finally {
		plain?.close();
	}
}

/** Starts a proxy that forwards plain connections to the origin over TLS. */
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
