import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { fetch } from "undici";
import WebSocket, { WebSocketServer } from "ws";
import { Traffic } from "./traffic.ts";

const path = "/example.com/notes/";

/** A fake device whose app acknowledges edits, and stores or forgets them. */
async function device() {
	const kept = { text: "", forgets: false };
	const server = createServer((_request, response) => response.end("page"));
	const sockets = new WebSocketServer({ server });
	sockets.on("connection", (socket) => {
		socket.send(kept.text);
		socket.on("message", (data) => {
			if (!kept.forgets) kept.text = String(data);
			socket.send(String(data));
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
	return {
		kept,
		machine: {
			fetch: (_protocol: "http" | "https", path: string) =>
				fetch(`http://${at}${path}`),
			websocket: (path: string) => new WebSocket(`ws://${at}${path}`),
		},
		disconnectAll() {
			for (const socket of sockets.clients) socket.terminate();
		},
		end() {
			server.closeAllConnections();
			server.close();
		},
	};
}

for (const forgets of [false, true])
	test(`${forgets ? "lost edits are" : "stored edits are not"} reported`, async (t) => {
		const { machine, kept, disconnectAll, end } = await device();
		t.teardown(end);
		const traffic = new Traffic(machine, [path]);
		t.teardown(async () => void (await traffic.stop()));
		await traffic.waitForAnswers();
		kept.forgets = forgets;
		await traffic.waitForAnswers();
		disconnectAll();
		await traffic.waitForAnswers();
		const { lost, texts, answers } = await traffic.stop();
		t.is(lost.length > 0, forgets, lost.join());
		t.is(texts[path] === kept.text, !forgets);
		t.true(Object.values(answers).every((count) => count >= 3));
	});
