import { once } from "node:events";
import type { AddressInfo } from "node:net";
import test from "ava";
import { WebSocket, WebSocketServer } from "ws";
import { loginDigest } from "./digest.ts";
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
test.before(async () => {
	if (!server.address()) await once(server, "listening");
});
test.after.always(() => server.close());

async function client() {
	const { port } = server.address() as AddressInfo;
	const socket = new WebSocket(`ws://127.0.0.1:${port}`);
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
	const who = { app: "notes", domain: "", sip: "ann", guid: "", dn: "Ann" };
	const digest = loginDigest(who, challenge, word);
	return { mt: "AppLogin", ...who, digest };
}

test("who knows the password is let in, and answers carry src and api", async (t) => {
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

test("who does not is told so and cut off", async (t) => {
	const { ask, socket } = await client();
	const { challenge } = await ask({ mt: "AppChallenge" });
	const closed = once(socket, "close");
	t.like(await ask(loginWith(challenge, "guess")), { ok: false });
	t.is((await closed)[0], 4401);
});

test("an answer that was heard cannot be said again", async (t) => {
	const one = await client();
	const { challenge } = await one.ask({ mt: "AppChallenge" });
	const login = loginWith(challenge);
	t.like(await one.ask(login), { ok: true });
	const two = await client();
	await two.ask({ mt: "AppChallenge" });
	t.like(await two.ask(login), { ok: false });
	one.socket.terminate();
});

test("nothing counts before the login, and rubbish ends it", async (t) => {
	for (const text of ['{"mt":"Who"}', "rubbish", "[]", '{"mt":1}']) {
		const { socket } = await client();
		socket.send(text);
		const [code] = await once(socket, "close");
		t.true([4400, 4401].includes(code), text);
	}
});
