import { once } from "node:events";
import { readFile, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { Agent, request } from "undici";
import { WebSocket } from "ws";
import { LocalWebServer } from "../../../development/local-web-server.ts";
import { freeFailures } from "../../../sdk/attempt-limiter.ts";
import {
	AppClient,
	clientIdentity,
	loginWith,
	type Message,
} from "../../../testing/app-client.ts";
import { TestManager } from "../../../testing/test-manager.ts";
import { maxPerAddress } from "./pending-logins.ts";

const manager = await TestManager.create();
const webServer = new LocalWebServer(manager.directory, manager.socket);
const insecure = new Agent({ connect: { rejectUnauthorized: false } });
const keyFile = join(manager.directory, "data/system/manager/password.key");

test.before(async () => {
	await webServer.start();
	manager.port = webServer.managerPort;
	await manager.start();
});
test.after.always(async () => {
	await insecure.close();
	await webServer.kill();
	await manager.remove();
});

/** No test causes an internal error. */
test.afterEach.always((t) => {
	const errors = manager.lines.filter(({ level }) => level === "error");
	t.deepEqual(errors, []);
});

/** @param address where the connection seems to come from. */
function connectFrom(address = "192.168.0.10", path = "/manager") {
	const headers = { "x-forwarded-for": address };
	return AppClient.open(manager.webSocket(headers, path));
}

function connectOverWebServer(path: string) {
	const url = `wss://127.0.0.1:${webServer.port}${path}`;
	return AppClient.open(new WebSocket(url, { rejectUnauthorized: false }));
}

async function logIn(password: string, address?: string) {
	const client = await connectFrom(address);
	return { client, result: await client.logIn(password) };
}

const ok = { mt: "AppLoginResult", ok: true };

const sql = manager.query.bind(manager);

async function get(path: string) {
	const { statusCode, headers, body } = await request(
		`https://127.0.0.1:${webServer.port}${path}`,
		{ dispatcher: insecure },
	);
	await body.dump();
	return { status: statusCode, location: headers.location };
}

test.serial(
	"a client of the public protocol queries the platform",
	async (t) => {
		for (const path of ["/manager", "/manager/"]) {
			const client = await connectOverWebServer(path);
			// The same as the Go client of the public repository.
			const { mt, challenge } = await client.ask({
				mt: "AppChallenge",
				appObj: "manager",
			} as Message);
			t.is(mt, "AppChallengeResult");
			t.regex(String(challenge), /^\d{16}$/);
			t.deepEqual(await client.ask(loginWith(challenge, "pwd")), ok);
			client.send({ mt: "KeepAlive" });
			t.deepEqual(
				await client.ask({ mt: "AppPlatformInfoRequest", src: "it-1" }),
				{
					mt: "AppPlatformInfoResult",
					version: "1.2.3",
					build: 42,
					src: "it-1",
				},
			);
			t.like(await client.ask({ mt: "AppInfo", app: "manager" }), {
				mt: "AppInfoResult",
			});
			t.like(
				await client.ask({
					mt: "AppPlatformInfoRequest",
					api: "other",
					src: 7,
				}),
				{ error: "unknownMessage", api: "other", src: 7 },
			);
			t.like(await client.ask({ mt: "CheckBuild", url: "x" }), {
				mt: "CheckBuildResult",
				error: "unknownMessage",
			});
			client.socket.terminate();
		}
	},
);

test.serial("the page and the protocol share a path", async (t) => {
	t.deepEqual(await get("/manager"), { status: 302, location: "/manager/" });
	t.deepEqual(await get("/"), { status: 302, location: "/manager/" });
	t.deepEqual(await get("/manager/"), {
		status: 302,
		location: `https://127.0.0.1:${webServer.managerPort}/manager/`,
	});
	t.is((await get("/managerx")).status, 404);
});

test.serial("wrong passwords and names are refused alike", async (t) => {
	for (const [password, as] of [
		["guess", clientIdentity],
		["", clientIdentity],
		["pwd", { ...clientIdentity, app: "other" }],
	] as const) {
		const client = await connectFrom("192.168.0.20");
		const closed = client.closed();
		const result = await client.logIn(password, as);
		t.like(result, { ok: false, error: "wrongPassword" });
		t.is(await closed, 4401);
	}
});

test.serial("a login cannot be replayed", async (t) => {
	const one = await connectFrom("192.168.0.21");
	const { challenge } = await one.ask({ mt: "AppChallenge" });
	const login = loginWith(challenge, "pwd");
	t.deepEqual(await one.ask(login), ok);
	t.like(await one.ask(login), { ok: false });
	const two = await connectFrom("192.168.0.21");
	t.like(await two.ask(login), { ok: false });
	const three = await connectFrom("192.168.0.21");
	await three.ask({ mt: "AppChallenge" });
	t.like(await three.ask(login), { ok: false });
});

test.serial(
	"the default password is refused from outside, correct or wrong",
	async (t) => {
		for (const address of ["8.8.8.8", "192.168.0.10, 8.8.8.8"])
			for (const password of ["pwd", "guess"]) {
				const { result } = await logIn(password, address);
				t.like(result, { ok: false, error: "defaultPasswordFromOutside" });
			}
	},
);

test.serial("wrong digests and wrong passwords share one limit", async (t) => {
	const address = "192.168.0.22";
	for (let i = 1; i < freeFailures; i++)
		t.like((await logIn("guess", address)).result, { error: "wrongPassword" });
	const page = await manager.call("login", { password: "x" }, { address });
	t.is(page.status, 401);
	t.like((await logIn("pwd", address)).result, { error: "tooManyAttempts" });
	const limited = await manager.call("login", { password: "pwd" }, { address });
	t.is(limited.status, 429);
	t.deepEqual((await logIn("pwd", "192.168.0.23")).result, ok);
});

test.serial("concurrent wrong digests are limited too", async (t) => {
	const results = await Promise.all(
		Array.from({ length: maxPerAddress }, () => logIn("guess", "192.168.0.24")),
	);
	const tried = results.filter(
		({ result }) => result.error === "wrongPassword",
	);
	t.is(tried.length, freeFailures);
});

test.serial("an invalid message closes the connection", async (t) => {
	const challenges = { mt: "AppChallenge" };
	for (const [message, code] of [
		["", 4400],
		["rubbish", 4400],
		["[]", 4400],
		["null", 4400],
		['{"mt":1}', 4400],
		['{"mt":"AppChallenge","api":{}}', 4400],
		[Buffer.from(JSON.stringify(challenges)), 4400],
		['{"mt":"AppPlatformInfoRequest"}', 4401],
		['{"mt":"KeepAlive"}', 4401],
		['{"mt":"__proto__"}', 4401],
		['{"mt":"AppLogin"}', 4401],
		[`{"mt":"AppLogin","app":"manager","digest":"${"0".repeat(64)}"}`, 4401],
		['{"mt":"AppLogin","app":"manager","digest":"zz"}', 4401],
		["x".repeat(70_000), 1009],
	] as const) {
		const client = await connectFrom("192.168.0.25");
		client.socket.send(message);
		t.is(await client.closed(), code, String(message).slice(0, 60));
	}
});

test.serial(
	"the number of challenges without a login is limited",
	async (t) => {
		const client = await connectFrom("192.168.0.26");
		for (let i = 0; i < 100; i++) client.send({ mt: "AppChallenge" });
		t.is(await client.closed(), 4400);
	},
);

test.serial("a page of another origin is refused", async (t) => {
	for (const origin of ["https://evil.example", "null"]) {
		const socket = manager.webSocket({ origin }, "/manager");
		socket.on("error", () => {}); // Emitted when the refused socket is closed.
		const [, response] = await once(socket, "unexpected-response");
		t.is(response.statusCode, 403);
		socket.terminate();
	}
});

test.serial(
	"a flood of connections locks out only its own address",
	async (t) => {
		const address = "192.168.0.27";
		const flood = await Promise.all(
			Array.from({ length: 5 * maxPerAddress }, async () => {
				const client = await connectFrom(address);
				const closed = client.closed();
				return { client, closed };
			}),
		);
		const open = new Set(flood);
		for (const connection of flood)
			void connection.closed.then(() => open.delete(connection));
		while (open.size > maxPerAddress) await delay(20);
		await delay(200);
		t.is(open.size, maxPerAddress);
		t.deepEqual((await logIn("pwd", "192.168.0.28")).result, ok);
		await t.notThrowsAsync(manager.logIn("pwd", address));
		for (const { client } of flood) client.socket.terminate();
		await Promise.all(flood.map(({ closed }) => closed));
		await delay(100); // The manager notices it a little later.
		t.deepEqual((await logIn("pwd", address)).result, ok);
	},
);

test.serial(
	"a client that does not read its answers is disconnected",
	async (t) => {
		const { client } = await logIn("pwd", "192.168.0.29");
		client.socket.pause();
		const src = "x".repeat(60_000);
		const closed = once(client.socket, "close");
		for (let i = 0; i < 200; i++) client.send({ mt: "AppInfo", src });
		await delay(1_000);
		client.socket.resume();
		await closed;
		t.pass();
	},
);

test.serial(
	"a connection that is interrupted within a message is cleaned up",
	async (t) => {
		const socket = connect(manager.socket);
		const head = "GET /manager HTTP/1.1\r\nHost: localhost\r\n";
		socket.write(
			`${head}X-Forwarded-For: 192.168.0.30\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${"A".repeat(22)}==\r\n\r\n`,
		);
		const [answer] = await once(socket, "data");
		t.regex(String(answer), /^HTTP\/1\.1 101 /);
		socket.write(Buffer.from([0x81, 0xff, 0x7f])); // Part of a long frame's header.
		await delay(50);
		socket.destroy();
		t.deepEqual((await logIn("pwd", "192.168.0.30")).result, ok);
	},
);

test.serial(
	"a client that does not log in is disconnected after 30 seconds",
	async (t) => {
		const silent = await connectFrom("192.168.0.31");
		const slow = await connectFrom("192.168.0.31");
		const start = performance.now();
		const closed = [silent.closed(), slow.closed()];
		await slow.ask({ mt: "AppChallenge" }); // Does not extend the time.
		t.deepEqual(await Promise.all(closed), [1006, 1006]);
		const seconds = (performance.now() - start) / 1000;
		t.true(seconds > 25 && seconds < 35, `${seconds} s`);
	},
);

test.serial(
	"a changed password is valid at once, also from outside, and survives a restart",
	async (t) => {
		const { client } = await logIn("pwd");
		const closed = client.closed();
		const cookie = await manager.logIn();
		const input = { currentPassword: "pwd", newPassword: "Müller's horse" };
		await manager.call("changePassword", input, { cookie });
		t.is(await closed, 4401);
		t.like((await logIn("pwd")).result, { error: "wrongPassword" });
		t.deepEqual((await logIn("Müller's horse", "8.8.8.8")).result, ok);
		await manager.stop();
		await manager.start();
		t.deepEqual((await logIn("Müller's horse")).result, ok);
		t.like((await logIn("pwd", "192.168.0.32")).result, { ok: false });
	},
);

test.serial(
	"the password is stored and logged nowhere in plain text",
	async (t) => {
		const rows = await sql("SELECT config::text AS row FROM config");
		t.true(rows.length > 1);
		for (const { row } of rows) t.false(/horse|M.ller/.test(row), row);
		t.false(JSON.stringify(manager.lines).includes("horse"));
		t.false((await readFile(keyFile)).includes("horse"));
		t.is((await stat(keyFile)).mode & 0o777, 0o600);
	},
);

test.serial(
	"after the key is lost, the next login on the page restores AppWebsocket logins",
	async (t) => {
		await rm(keyFile);
		t.like((await logIn("Müller's horse")).result, {
			ok: false,
			error: "passwordNotReadable",
		});
		await manager.logIn("Müller's horse");
		t.deepEqual((await logIn("Müller's horse")).result, ok);
	},
);

test.serial(
	"a password set by a manager without digest logins invalidates the one stored for them",
	async (t) => {
		const [old] = await sql("SELECT value FROM config WHERE name = 'password'");
		const cookie = await manager.logIn("Müller's horse");
		const input = {
			currentPassword: "Müller's horse",
			newPassword: "other one",
		};
		await manager.call("changePassword", input, { cookie });
		await sql(
			`UPDATE config SET value = '${JSON.stringify(old.value)}' WHERE name = 'password'`,
		);
		t.like((await logIn("other one")).result, { error: "passwordNotReadable" });
		await manager.logIn("Müller's horse");
		t.deepEqual((await logIn("Müller's horse")).result, ok);
	},
);

test.serial(
	"disabling AppWebsocket logins disconnects clients and deletes the stored password, enabling restores them",
	async (t) => {
		const { client } = await logIn("Müller's horse");
		const closed = client.closed();
		const cookie = await manager.logIn("Müller's horse");
		const change = (allowed: boolean) =>
			manager.call("appWebsocketLoginChange", { allowed }, { cookie });
		t.is((await change(false)).status, 200);
		t.is(await closed, 4401);
		t.like((await logIn("Müller's horse")).result, {
			error: "appWebsocketOff",
		});
		await manager.logIn("Müller's horse");
		const kept = "SELECT FROM config WHERE name = 'passwordForDigests'";
		t.deepEqual(await sql(kept), []);
		await change(true);
		const { body } = await manager.call("appWebsocketLogin", {}, { cookie });
		t.deepEqual(body, { allowed: true });
		t.like((await logIn("Müller's horse")).result, { ok: false });
		await manager.logIn("Müller's horse");
		t.deepEqual((await logIn("Müller's horse")).result, ok);
	},
);

test.serial(
	"deleting the password with psql restores the default password",
	async (t) => {
		await sql("DELETE FROM config WHERE name = 'password'");
		t.like((await logIn("Müller's horse")).result, { error: "wrongPassword" });
		t.deepEqual((await logIn("pwd")).result, ok);
		t.like((await logIn("pwd", "8.8.8.8")).result, { ok: false });
	},
);

test.serial(
	"clients get an error while PostgreSQL is unavailable",
	async (t) => {
		await manager.cluster.kill();
		t.like((await logIn("pwd")).result, { error: "databaseUnavailable" });
		await manager.cluster.start();
	},
);
