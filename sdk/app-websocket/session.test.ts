import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { WebSocket, WebSocketServer } from "ws";
import { GuessLimiter } from "../guess-limiter.ts";
import { isValidLogin, loginDigest } from "./digest.ts";
import { type AppMessage, AppSession } from "./session.ts";

const password = "secret";
const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
server.on(
	"connection",
	(socket) =>
		new AppSession(socket, {
			password,
			info: { apis: { "com.example.notes": {} } },
			opened: (session) => (message) => {
				if (message.mt === "Who")
					session.answer(message, { mt: "WhoResult", dn: session.login.dn });
			},
		}),
);
/** Limits guesses; the client chooses its address in the URL. */
const limitedServer = new WebSocketServer({ host: "127.0.0.1", port: 0 });
const limiter = new GuessLimiter();
limitedServer.on(
	"connection",
	(socket, { url = "" }) =>
		new AppSession(socket, {
			password,
			guesses: { limiter, address: url.slice(1) },
			opened: () => () => {},
		}),
);
/** Verifies passwords slowly. */
const slowServer = new WebSocketServer({ host: "127.0.0.1", port: 0 });
slowServer.on(
	"connection",
	(socket) =>
		new AppSession(socket, {
			password: async (login, challenge) => {
				await delay(50);
				const ok = isValidLogin(login, challenge, password);
				return ok ? { ok } : { ok, error: "wrong", errorText: "Wrong" };
			},
			opened: (session) => (message) =>
				session.answer(message, { mt: `${message.mt}Result` }),
		}),
);
test.before(async () => {
	for (const each of [server, slowServer, limitedServer])
		if (!each.address()) await once(each, "listening");
});
test.after.always(() => {
	server.close();
	slowServer.close();
	limitedServer.close();
});

async function client(to = server, path = "") {
	const { port } = to.address() as AddressInfo;
	const socket = new WebSocket(`ws://127.0.0.1:${port}/${path}`);
	await once(socket, "open");
	return {
		socket,
		send: (message: AppMessage) => socket.send(JSON.stringify(message)),
		async ask(message: AppMessage) {
			const answer = once(socket, "message");
			socket.send(JSON.stringify(message));
			const [data] = await answer;
			return JSON.parse(String(data));
		},
	};
}

function loginWith(challenge: string, word = password) {
	const user = { app: "notes", domain: "", sip: "ann", guid: "", dn: "Ann" };
	const digest = loginDigest(user, challenge, word);
	return { mt: "AppLogin", ...user, digest };
}

test("a client with the password logs in, and answers carry src and api", async (t) => {
	const { ask, send, socket } = await client();
	const { challenge, mt } = await ask({ mt: "AppChallenge" });
	t.is(mt, "AppChallengeResult");
	t.deepEqual(await ask(loginWith(challenge)), {
		mt: "AppLoginResult",
		ok: true,
	});
	send({ mt: "KeepAlive" });
	t.deepEqual(await ask({ mt: "Who", api: "notes", src: "x1" }), {
		mt: "WhoResult",
		dn: "Ann",
		api: "notes",
		src: "x1",
	});
	t.like(await ask({ mt: "AppInfo", app: "notes" }), {
		mt: "AppInfoResult",
		info: { apis: { "com.example.notes": {} } },
	});
	socket.terminate();
});

test("a client without the password gets an error and is disconnected", async (t) => {
	const { ask, socket } = await client();
	const { challenge } = await ask({ mt: "AppChallenge" });
	const closed = once(socket, "close");
	t.like(await ask(loginWith(challenge, "guess")), { ok: false });
	t.is((await closed)[0], 4401);
});

test("a recorded login cannot be replayed", async (t) => {
	const one = await client();
	const { challenge } = await one.ask({ mt: "AppChallenge" });
	const login = loginWith(challenge);
	t.like(await one.ask(login), { ok: true });
	const two = await client();
	await two.ask({ mt: "AppChallenge" });
	t.like(await two.ask(login), { ok: false });
	one.socket.terminate();
});

test("other messages before the login and invalid messages close the connection", async (t) => {
	for (const text of ['{"mt":"Who"}', "rubbish", "[]", '{"mt":1}']) {
		const { socket } = await client();
		socket.send(text);
		const [code] = await once(socket, "close");
		t.true([4400, 4401].includes(code), text);
	}
});

test("messages sent after a login wait for its result", async (t) => {
	const { ask, send, socket } = await client(slowServer);
	const { challenge } = await ask({ mt: "AppChallenge" });
	const answers: string[] = [];
	socket.on("message", (data) => answers.push(JSON.parse(String(data)).mt));
	send(loginWith(challenge));
	send({ mt: "One" });
	send({ mt: "Two" });
	while (answers.length < 3) await once(socket, "message");
	t.deepEqual(answers, ["AppLoginResult", "OneResult", "TwoResult"]);
	socket.terminate();
});

test("messages after a failed login are ignored, and the result says why it failed", async (t) => {
	const { ask, send, socket } = await client(slowServer);
	const { challenge } = await ask({ mt: "AppChallenge" });
	const answers: unknown[] = [];
	socket.on("message", (data) => answers.push(JSON.parse(String(data))));
	send(loginWith(challenge, "guess"));
	send({ mt: "One" });
	send({ mt: "AppChallenge" });
	t.is((await once(socket, "close"))[0], 4401);
	t.deepEqual(answers, [
		{ mt: "AppLoginResult", ok: false, error: "wrong", errorText: "Wrong" },
	]);
});

test("the number of challenges is limited", async (t) => {
	const { send, socket } = await client();
	for (let i = 0; i < 1_000; i++) send({ mt: "AppChallenge" });
	let answers = 0;
	socket.on("message", () => answers++);
	t.is((await once(socket, "close"))[0], 4400);
	t.is(answers, 10);
});

test("guesses are limited per address", async (t) => {
	const logIn = async (address: string, word: string) => {
		const { ask } = await client(limitedServer, address);
		const { challenge } = await ask({ mt: "AppChallenge" });
		return ask(loginWith(challenge, word));
	};
	for (let n = 0; n < 5; n += 1)
		t.deepEqual(await logIn("192.0.2.1", `guess ${n}`), {
			mt: "AppLoginResult",
			ok: false,
		});
	t.like(await logIn("192.0.2.1", password), {
		ok: false,
		error: "tooManyAttempts",
	});
	t.like(await logIn("192.0.2.2", password), { ok: true });
});
