import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";

/** A request of the parent process; each is answered with figures. */
export type Question =
	/** Opens more WebSockets, `atOnce` in parallel, and keeps them open. */
	| { open: number; atOnce: number }
	/** Sends messages on one of them, which are echoed. */
	| { messagesPerSecond: number; seconds: number };

/** Round-trip times in microseconds. */
export type Delays = { median: number; p99: number };

const [address] = process.argv.slice(2) as [string];
const sockets: WebSocket[] = [];

// Exits with the parent, which closes all connections.
process.once("disconnect", () => process.exit());
process.on("message", async (question: Question) => {
	process.send?.(
		"open" in question ? await open(question) : await measure(question),
	);
});

/** @returns the duration in milliseconds. */
async function open({
	open: count,
	atOnce,
}: {
	open: number;
	atOnce: number;
}): Promise<number> {
	const startMs = performance.now();
	let left = count;
	const worker = async () => {
		while (left-- > 0) {
			sockets.push(await connect());
		}
	};
	await Promise.all(Array.from({ length: atOnce }, worker));
	return performance.now() - startMs;
}

/** Retries a limited number of times, as a client does that is refused. */
async function connect(tries = 5): Promise<WebSocket> {
	const socket = new WebSocket(address, {
		perMessageDeflate: false,
		// Servers have self-signed certificates.
		rejectUnauthorized: false,
	});
	try {
		await once(socket, "open");
	} catch (error) {
		if (tries === 1) throw error;
		console.error(`WebSocket connection failed; retrying: ${error}`);
		return connect(tries - 1);
	}
	// An idle connection must not be closed.
	socket.once("close", (code) => {
		console.error(`A WebSocket was closed: ${code}`);
		process.exit(1);
	});
	return socket;
}

async function measure({
	messagesPerSecond,
	seconds,
}: {
	messagesPerSecond: number;
	seconds: number;
}): Promise<Delays> {
	const [socket] = sockets;
	if (!socket) throw new Error("No WebSocket is open");
	const total = messagesPerSecond * seconds;
	const delays: number[] = [];
	// Echoes arrive in order.
	const sent: number[] = [];
	socket.on("message", () =>
		delays.push(performance.now() - (sent[delays.length] as number)),
	);
	const startMs = performance.now();
	while (delays.length < total) {
		const due = (performance.now() - startMs) * (messagesPerSecond / 1000);
		while (sent.length < Math.min(due, total)) {
			sent.push(performance.now());
			socket.send("a message of thirty-two bytes…!");
		}
		await delay(1);
	}
	socket.removeAllListeners("message");
	delays.sort((a, b) => a - b);
	const at = (part: number) =>
		Math.round((delays[Math.floor(total * part)] as number) * 1000);
	return { median: at(0.5), p99: at(0.99) };
}
