import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { fastify } from "fastify";
import { continueUnlessRefused, limitRequests } from "./request-limits.ts";

/** Accepts bodies at /whole and /stream, and refuses them at /refused. */
async function serve(t: ExecutionContext) {
	const server = fastify({ forceCloseConnections: true });
	limitRequests(server, { requestTimeoutMs: 300, stallTimeoutMs: 1_000 });
	continueUnlessRefused(server);
	server.addContentTypeParser("*", (_request, body, done) => done(null, body));
	server.post("/whole", () => "whole");
	server.post(
		"/stream",
		{ config: { isStream: true } },
		async ({ raw }) => `${(await raw.toArray()).length > 0}`,
	);
	server.addHook("onRequest", async ({ url }, reply) => {
		if (url === "/refused") return reply.code(401).send("no");
	});
	server.post("/refused", () => "never");
	await server.listen({ host: "127.0.0.1", port: 0 });
	t.teardown(() => server.close());
	return (server.server.address() as AddressInfo).port;
}

function send(port: number, head: string) {
	const socket = connect(port, "127.0.0.1");
	socket.on("error", () => {}); // Disconnected while it writes.
	socket.write(`POST ${head}\r\nHost: x\r\n\r\n`);
	return socket;
}

test("clients with an incomplete body or a stalled stream are disconnected", async (t) => {
	const port = await serve(t);
	for (const path of ["/whole", "/stream"]) {
		const socket = send(port, `${path} HTTP/1.1\r\nContent-Length: 1000`);
		socket.write("x");
		await once(socket.resume(), "close");
	}
	t.pass();
});

test("a stream that does not stall may take any time", async (t) => {
	const port = await serve(t);
	const socket = send(port, "/stream HTTP/1.1\r\nContent-Length: 6");
	for (let sent = 0; sent < 6; sent += 1) {
		socket.write("x");
		await delay(300);
	}
	const [answer] = await once(socket, "data");
	t.regex(String(answer), /^HTTP\/1.1 200/);
	socket.destroy();
});

test("a request with Expect: 100-continue is continued or refused", async (t) => {
	const port = await serve(t);
	const expect = "Content-Length: 1\r\nExpect: 100-continue";
	const taken = send(port, `/stream HTTP/1.1\r\n${expect}`);
	const [first] = await once(taken, "data");
	t.regex(String(first), /^HTTP\/1.1 100 Continue/);
	taken.write("x");
	const [second] = await once(taken, "data");
	t.regex(String(second), /^HTTP\/1.1 200/);
	const refused = send(port, `/refused HTTP/1.1\r\n${expect}`);
	const [answer] = await once(refused, "data");
	t.regex(String(answer), /^HTTP\/1.1 401/);
	for (const socket of [taken, refused]) socket.destroy();
});
