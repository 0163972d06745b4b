import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";

/** What this process is asked, by its parent; each is answered with figures. */
export type Question =
	/** Opens more WebSockets, so many at once, and keeps them. */
	| { open: number; atOnce: number }
	/** Sends messages on one of them, which come back. */
	| { messagesPerSecond: number; seconds: number };

/** Microseconds there and back. */
export type Delays = { median: number; p99: number };

const [address] = process.argv.slice(2) as [string];
const sockets: WebSocket[] = [];

// Gone with the parent, and all connections with it.
process.once("disconnect", () => process.exit());
process.on("message", async (question: Question) => {
	process.send?.(
		"open" in question ? await open(question) : await measure(question),
	);
});

/** @returns how long it took, in milliseconds. */
async function open({
	open: count,
	atOnce,
}: {
	open: number;
	atOnce: number;
}): Promise<number> {
	const startMs = performance.now();
	let left = count;
	const some = async () => {
		while (left-- > 0) {
			sockets.push(await connect());
		}
	};
	await Promise.all(Array.from({ length: atOnce }, some));
	return performance.now() - startMs;
}

/** As a client does that is not let in: it tries again, but not for ever. */
async function connect(tries = 5): Promise<WebSocket> {
	const socket = new WebSocket(address, {
		perMessageDeflate: false,
		// Servers make their own certificates.
		rejectUnauthorized: false,
	});
	try {
		await once(socket, "open");
	} catch (error) {
		if (tries === 1) throw error;
		console.error(`A WebSocket is tried again: ${error}`);
		return connect(tries - 1);
	}
	// Idle is no reason to be cut off.
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
	if (!socket) throw new Error("open one first");
	const total = messagesPerSecond * seconds;
	const delays: number[] = [];
	// They come back in order.
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
