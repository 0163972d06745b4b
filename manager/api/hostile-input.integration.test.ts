import { once } from "node:events";
import test from "ava";
import { TestManager } from "../../testing/test-manager.ts";

let manager: TestManager;
let cookie: string;

test.before(async () => {
	manager = await TestManager.create();
	await manager.start();
	cookie = await manager.logIn();
});
test.after.always(() => manager.remove());

/** The manager still works after each test, without an internal error. */
test.afterEach.always(async (t) => {
	const answer = await manager.call("systemStatus", {}, { cookie });
	t.is(answer.status, 200);
	t.deepEqual(
		manager.lines.filter(({ level }) => level === "error"),
		[],
	);
});

const refusedBodies: [string, string, number][] = [
	["too large", JSON.stringify({ password: "x".repeat(70_000) }), 413],
	["no JSON", "{password", 400],
	["empty", "", 400],
	["null", "null", 400],
	["a list", "[]", 400],
	["a string", '"pwd"', 400],
	["a number for a string", '{"password":1}', 400],
	["an object for a string", '{"password":{"length":3}}', 400],
	["an unknown field", '{"password":"pwd","admin":true}', 400],
	["__proto__", '{"__proto__":{"password":"pwd"}}', 400],
	["constructor", '{"constructor":{"prototype":{"password":"pwd"}}}', 400],
	["nothing", "{}", 400],
];

for (const [name, body, status] of refusedBodies)
	test(`a body is refused: ${name}`, async (t) => {
		const answer = await manager.post("login", body, {});
		t.is(answer.status, status);
		t.is(typeof answer.body.error.message, "string");
	});

for (const name of [
	"nosuch",
	"constructor",
	"__proto__",
	"toString",
	"..%2f..%2fetc",
	"%00",
])
	test(`an unknown operation is refused: ${name}`, async (t) => {
		const answer = await manager.call(name, {}, { cookie });
		t.is(answer.status, 404);
	});

test("a body of another type than JSON is refused", async (t) => {
	const headers = { "content-type": "text/plain" };
	const answer = await manager.post("login", '{"password":"pwd"}', {
		headers,
	});
	t.is(answer.status, 415);
});

test("an invalid session cookie is refused", async (t) => {
	for (const value of ["", "x", "__proto__", "a".repeat(4_000)]) {
		const cookie = `manager-session=${value}`;
		const answer = await manager.call("systemStatus", {}, { cookie });
		t.is(answer.status, 401);
	}
});

test("a page of another origin cannot post", async (t) => {
	for (const origin of ["https://evil.example", "null"]) {
		const answer = await manager.call(
			"systemStatus",
			{},
			{ cookie, headers: { origin } },
		);
		t.is(answer.status, 403);
	}
	const own = await manager.call(
		"systemStatus",
		{},
		{ cookie, headers: { origin: "https://localhost" } },
	);
	t.is(own.status, 200);
});

test("a WebSocket from another origin or without a session is refused", async (t) => {
	const refused: [Record<string, string>, number][] = [
		[{ cookie, origin: "https://evil.example" }, 403],
		[{ cookie, origin: "null" }, 403],
		[{ origin: "https://localhost" }, 401],
		[{ cookie: "manager-session=x" }, 401],
		[{ cookie, "x-forwarded-for": "8.8.8.8" }, 401],
	];
	for (const [headers, status] of refused) {
		const socket = manager.webSocket(headers);
		socket.on("error", () => {}); // Emitted when the refused socket is closed.
		const [, response] = await once(socket, "unexpected-response");
		t.is(response.statusCode, status);
		socket.terminate();
	}
});

for (const [name, message, code] of [
	["no JSON", "{", 4400],
	["null", "null", 4400],
	["no operation", '{"id":1}', 4400],
	["an unknown field", '{"id":1,"operation":"session","x":1}', 4400],
	["binary", Buffer.from('{"id":1,"operation":"session"}'), 4400],
	["too large", "x".repeat(70_000), 1009],
] as const)
	test(`an invalid message closes the WebSocket: ${name}`, async (t) => {
		const socket = manager.webSocket({ cookie });
		await once(socket, "open");
		socket.send(message);
		const [closeCode] = await once(socket, "close");
		t.is(closeCode, code);
	});

test("calls over the WebSocket are validated like those over HTTP", async (t) => {
	const socket = manager.webSocket({
		cookie,
		origin: "https://localhost",
	});
	await once(socket, "open");
	const ask = async (call: object) => {
		socket.send(JSON.stringify(call));
		const [data] = await once(socket, "message");
		return JSON.parse(String(data));
	};
	const status = await ask({ id: 7, operation: "systemStatus" });
	t.is(status.id, 7);
	t.is(status.output.manager.version, "1.2.3");
	for (const [operation, input, code] of [
		["constructor", {}, "unknownOperation"],
		["systemStatus", { x: 1 }, "invalidInput"],
		["systemStatus", null, "invalidInput"],
		["login", { password: "pwd" }, "onlyOverHttp"],
	]) {
		const answer = await ask({ id: 8, operation, input });
		t.is(answer.error.code, code);
	}
	socket.close();
});

test("the WebSocket ends with the session", async (t) => {
	const cookie = await manager.logIn();
	const socket = manager.webSocket({ cookie });
	await once(socket, "open");
	await manager.call("logout", {}, { cookie });
	socket.send(JSON.stringify({ id: 1, operation: "systemStatus" }));
	const [code] = await once(socket, "close");
	t.is(code, 4401);
});
