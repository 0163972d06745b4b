import { once } from "node:events";
import { connect as http2Connect } from "node:http2";
import type { Socket } from "node:net";
import test from "ava";
import { until } from "../../testing/test-appliance.ts";
import { TestWebServer } from "../../testing/test-web-server.ts";

// What clients can do to each other and to the manager: the image's HAProxy configuration with few connections.
const maxConnections = 400;
/** What apps may have of them. */
const appConnections = (maxConnections * 15) / 16 - 20;
const web = await TestWebServer.start(maxConnections);
const path = "/example.com/app/";
const large = Buffer.alloc(8 * 1024 * 1024);
const app = await web.addApp(path, (request, response) => {
	if (request.url?.endsWith("/large")) response.end(large);
	else request.resume().once("end", () => response.end("the app"));
});
const [attacker, other, third] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];

test.afterEach.always(async () => {
	web.disconnect();
	await until(
		"all connections are closed",
		async () => (await web.connections()) === 0,
	);
});
test.after.always(() => web.remove());

/** Starts a request that is never complete, and keeps sending. */
async function slowly(address: string, ...parts: string[]): Promise<void> {
	const socket = web.tls(address);
	await once(socket, "secureConnect");
	for (const part of parts) socket.write(part);
	const timer = setInterval(() => socket.write("x"), 200);
	socket.once("close", () => clearInterval(timer));
}

const head = (method: string, to: string) =>
	`${method} ${to} HTTP/1.1\r\nHost: test\r\n`;

/** Each opens one connection and leaves it in some state. */
const attacks: Record<string, (address: string) => Socket | Promise<unknown>> =
	{
		"silent connections": (address) => web.tcp(address),
		"silent connections to port 80": (address) =>
			web.tcp(address, web.server.httpPort),
		"TLS handshakes that are never finished": (address) => {
			const socket = web.tcp(address);
			// A record of 512 bytes with the beginning of a ClientHello.
			socket.write(Buffer.from("16030102000100", "hex"));
			return socket;
		},
		"TLS connections without a request": (address) =>
			once(web.tls(address), "secureConnect"),
		"headers byte by byte": (address) =>
			slowly(address, `${head("GET", path)}X-Slow: `),
		"a body without an end, to the manager": (address) =>
			slowly(
				address,
				`${head("POST", "/manager/api/login")}Content-Length: 1000000\r\n\r\n`,
			),
		"a body without an end, to an app": (address) =>
			slowly(
				address,
				`${head("POST", path)}Transfer-Encoding: chunked\r\n\r\nfffff\r\n`,
			),
		"responses that are not read": async (address) => {
			const socket = web.tls(address);
			await once(socket, "secureConnect");
			socket.write(`${head("GET", `${path}large`)}\r\n`);
			socket.pause();
		},
		"idle connections after a request": async (address) => {
			const socket = web.tls(address);
			await once(socket, "secureConnect");
			socket.write(`${head("GET", "/manager/")}\r\n`);
			await once(socket, "data");
		},
		"WebSockets to the manager": (address) =>
			web.webSocket("/manager", address),
		"WebSockets to nowhere": async (address) => {
			const socket = web.tls(address);
			await once(socket, "secureConnect");
			socket.write(
				`${head("GET", path)}Connection: Upgrade\r\nUpgrade: websocket\r\n`,
			);
		},
	};

/** Opens connections and returns when those that HAProxy keeps are open. */
async function attack(
	open: (address: string) => Socket | Promise<unknown>,
	address: string,
	count = maxConnections * 1.5,
): Promise<void> {
	const before = await web.connections();
	const opened = Array.from({ length: count }, async () => {
		const one = open(address);
		if ("once" in one) await once(one, "connect");
		else await one;
	});
	await Promise.race([
		Promise.allSettled(opened),
		until(
			"HAProxy has these connections",
			async () => (await web.connections()) >= before + 60,
			10_000,
		),
	]);
	await until(
		"HAProxy has accepted them",
		async () => (await web.connections()) > before,
	);
}

for (const [name, open] of Object.entries(attacks))
	test.serial(`${name} shut nobody else out`, async (t) => {
		await attack(open, attacker);
		for (const address of [other, third]) {
			t.is((await web.get("/manager/", address)).text, "the manager");
			t.is((await web.get(path, address)).text, "the app");
		}
		t.true((await web.connections()) <= maxConnections / 4 + 10);
	});

test.serial("several sources together shut nobody else out", async (t) => {
	for (let source = 10; source < 15; source++)
		await attack((address) => web.tcp(address), `127.0.0.${source}`);
	t.is((await web.get("/manager/", other)).status, 200);
});

test.serial("a source that was refused is served again", async (t) => {
	await attack((address) => web.tcp(address), attacker);
	await t.throwsAsync(web.get("/manager/", attacker));
	web.disconnect();
	await until(
		"the source is served",
		async () => (await web.get("/manager/", attacker)).status === 200,
	);
	t.pass();
});

test.serial("a source close to its limit is answered with 429", async (t) => {
	for (let count = 0; count < 75; count++)
		await once(web.tcp(attacker), "connect");
	await until("they are open", async () => (await web.connections()) === 75);
	const { status, headers, text } = await web.get("/manager/", attacker);
	t.is(status, 429);
	t.is(headers["retry-after"], "5");
	t.regex(text, /Too many connections from your network/);
	// A WebSocket will not count.
	await web.webSocket(path, attacker);
	t.is((await web.get("/manager/", other)).status, 200);
});

test.serial("a busy source gets no idle connections", async (t) => {
	const answered = async () =>
		(await web.get("/manager/", attacker)).headers.connection;
	t.not(await answered(), "close");
	for (let count = 0; count < 55; count++)
		await once(web.tcp(attacker), "connect");
	await until("they are open", async () => (await web.connections()) === 55);
	t.is(await answered(), "close");
});

test.serial(
	"one address has many WebSockets, browsers, and all that apps may have",
	async (t) => {
		const closed: number[] = [];
		for (let count = 1; count <= appConnections; count++) {
			const socket = await web.webSocket(path, attacker);
			socket.once("close", (code) => closed.push(code));
			if (count % 30 !== 0) continue;
			// A browser at the same address.
			t.is((await web.get("/manager/", attacker)).status, 200);
		}
		t.deepEqual(closed, []);
		const { status, headers, text } = await web.get(path, other);
		t.is(status, 503);
		t.is(headers["retry-after"], "5");
		t.regex(text, /All connections that apps may have are in use/);
		await t.throwsAsync(web.webSocket(path, other), { message: /503/ });
		for (const address of [attacker, other])
			t.is((await web.get("/manager/", address)).text, "the manager");
		// Nor can the rest be taken by one source.
		await attack((address) => web.tcp(address), third, 150);
		t.is((await web.get("/manager/", other)).text, "the manager");
		// A WebSocket counts no longer once it is closed.
		web.disconnect();
		await until("no WebSocket is counted", async () =>
			/^(?!.*conn_cur=[1-9])/s.test(
				await web.command("show table app-websockets"),
			),
		);
	},
);

test.serial("there is no HTTP/2 that does not count", async (t) => {
	const before = app.urls.length;
	const sockets = [
		...Array.from({ length: 10 }, () => web.tls(attacker)),
		web.tcp(attacker, web.server.httpPort),
	];
	const settled = sockets.map(async (socket) => {
		await once(socket, "encrypted" in socket ? "secureConnect" : "connect");
		const session = http2Connect("https://test", {
			createConnection: () => socket,
		});
		session.on("error", () => {});
		for (let count = 0; count < 100; count++)
			session.request({ ":path": path }).on("error", () => {});
		await new Promise((resolve) => session.once("close", resolve));
	});
	await Promise.all(settled);
	t.is(app.urls.length, before);
});

/** Requests that servers in a row could understand differently. @see RFC 9112, 11.2 */
const ambiguous: Record<string, string> = {
	"two lengths": "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
	"a list of lengths": "Content-Length: 5, 6\r\n\r\nhello!",
	"a length with a sign": "Content-Length: +5\r\n\r\nhello",
	"an unknown coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"chunked twice": "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
	"a space before the colon": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	"a wrong chunk":
		"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
	"a line of its own": "X: y\r\n folded\rContent-Length: 5\r\n\r\nhello",
	"a NUL": "X: \0\r\nContent-Length: 0\r\n\r\n",
};
for (const [name, rest] of Object.entries(ambiguous))
	test.serial(`a request with ${name} is refused`, async (t) => {
		t.regex(await exchange(head("POST", path) + rest), /^HTTP\/1\.[01] 400 /);
	});

test.serial("no request is hidden in another one", async (t) => {
	app.urls.length = 0;
	const body = `0\r\n\r\n${head("GET", `${path}hidden`)}\r\n`;
	await exchange(
		`${head("POST", path)}Content-Length: ${body.length}\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
	);
	await exchange(
		`${head("GET", path)}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
	);
	t.deepEqual(app.urls, [path, path]);
});

/** Sends bytes and returns what is answered until the connection is closed or idle. */
async function exchange(bytes: string): Promise<string> {
	const socket = web.tls(attacker);
	await once(socket, "secureConnect");
	let answer = "";
	socket.on("data", (data) => {
		answer += data;
	});
	socket.write(bytes);
	socket.setTimeout(500, () => socket.destroy());
	await once(socket, "close");
	return answer;
}
