import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { freeFailures } from "../../../sdk/attempt-limiter.ts";
import { TestManager } from "../../../testing/test-manager.ts";

const password = "correct horse";
const manager = await TestManager.create();
let cookie = "";

test.before(async () => {
	await manager.start();
});
test.after.always(() => manager.remove());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Calls an operation with a token. */
function callWith(token: string, operation: string, input: object = {}) {
	return manager.call(operation, input, { headers: bearer(token) });
}

/** Creates a token as the logged-in administrator. */
async function create(name: string, scopes: string[], expiresAt?: Date) {
	const input = { name, scopes, ...(expiresAt && { expiresAt }) };
	const answer = await manager.call("tokenCreate", input, { cookie });
	if (answer.status !== 200) throw new Error(answer.body.error.message);
	return answer.body as { id: number; token: string };
}

async function list() {
	const { body } = await manager.call("tokenList", {}, { cookie });
	return body.tokens as { name: string; lastUsedAt: string | null }[];
}

const sql = manager.query.bind(manager);

async function open(token: string) {
	const socket = manager.webSocket(bearer(token));
	await once(socket, "open");
	return {
		socket,
		async ask(operation: string) {
			socket.send(JSON.stringify({ id: 1, operation }));
			const [data] = await once(socket, "message");
			return JSON.parse(String(data));
		},
	};
}

test.serial("no token can be created with the default password", async (t) => {
	cookie = await manager.logIn();
	await t.throwsAsync(create("early", ["read"]), {
		message: /Change the default password/,
	});
	const input = { currentPassword: "pwd", newPassword: password };
	const change = await manager.call("changePassword", input, { cookie });
	cookie = String(change.headers["set-cookie"]).split(";")[0] ?? "";
});

test.serial(
	"a token with the scope read can only read, over HTTP and WebSocket",
	async (t) => {
		const { token } = await create("monitoring", ["read"]);
		t.is((await callWith(token, "systemStatus")).status, 200);
		const change = await callWith(token, "storeUrlChange", { url: "/store" });
		t.is(change.status, 403);
		t.is(change.body.error.code, "notForToken");
		const { socket, ask } = await open(token);
		t.is((await ask("systemStatus")).output.manager.version, "1.2.3");
		t.is((await ask("updateCancel")).error.code, "notForToken");
		socket.terminate();
		const [{ lastUsedAt } = { lastUsedAt: null }] = await list();
		t.true(Math.abs(Date.parse(String(lastUsedAt)) - Date.now()) < 60_000);
	},
);

test.serial(
	"a token with the scope administer can do everything except passwords and tokens",
	async (t) => {
		const { token } = await create("installer", ["administer"]);
		const store = { url: "/home/root/store" };
		t.is((await callWith(token, "storeUrlChange", store)).status, 200);
		t.is((await callWith(token, "systemStatus")).status, 200);
		for (const [operation, input] of [
			["tokenList", {}],
			["tokenCreate", { name: "more", scopes: ["administer"] }],
			["tokenRevoke", { id: 1 }],
			[
				"changePassword",
				{ currentPassword: password, newPassword: "for me 1" },
			],
			[
				"changeAllPasswords",
				{ currentPassword: password, newPassword: "for me 1" },
			],
			["appWebsocketLoginChange", { allowed: false }],
		] as const) {
			const { status, body } = await callWith(token, operation, input);
			t.is(status, 403, operation);
			t.is(body.error.code, "notForToken", operation);
		}
		const part = await manager.post("update-file?offset=0", Buffer.from("x"), {
			headers: { ...bearer(token), "content-type": "application/octet-stream" },
		});
		t.is(part.status, 200);
	},
);

test.serial(
	"a token for one operation can only call that operation",
	async (t) => {
		const { token } = await create("logs", ["serviceLog"]);
		t.is((await callWith(token, "serviceLog", { id: "none" })).status, 404);
		t.is((await callWith(token, "services")).status, 403);
		const part = await manager.post("update-file?offset=0", Buffer.from("x"), {
			headers: { ...bearer(token), "content-type": "application/octet-stream" },
		});
		t.is(part.status, 403);
	},
);

test.serial("invalid names and scopes are refused", async (t) => {
	for (const input of [
		{ name: "", scopes: ["read"] },
		{ name: " ", scopes: ["read"] },
		{ name: "x".repeat(101), scopes: ["read"] },
		{ name: "a", scopes: [] },
		{ name: "a", scopes: ["write"] },
		{ name: "a", scopes: ["constructor"] },
		{ name: "a", scopes: ["login"] },
		{ name: "a", scopes: ["tokenCreate"] },
		{ name: "a", scopes: ["read"], expiresAt: "tomorrow" },
		{ name: "a", scopes: ["read"], expiresAt: "2020-01-01T00:00:00Z" },
	]) {
		const { status } = await manager.call("tokenCreate", input, { cookie });
		t.is(status, 400, JSON.stringify(input));
	}
	const twice = { name: "monitoring", scopes: ["read"] };
	t.is((await manager.call("tokenCreate", twice, { cookie })).status, 409);
	t.is(
		(await manager.call("tokenRevoke", { id: 999 }, { cookie })).status,
		404,
	);
});

test.serial("tokens are not stored or logged in plain text", async (t) => {
	const { token } = await create("secret", ["read"]);
	await callWith(token, "systemStatus");
	const rows = await sql("SELECT token::text AS row FROM token");
	t.true(rows.length > 1);
	const bytes = Buffer.from(token).toString("hex");
	for (const { row } of rows)
		t.false(row.includes(token) || row.includes(bytes));
	t.false(JSON.stringify(manager.lines).includes(token));
	t.regex(token, /^appm_[\w-]{43}$/);
});

test.serial(
	"a revoked token is invalid at once, also for open WebSockets",
	async (t) => {
		const { id, token } = await create("leaked", ["read"]);
		const other = await create("innocent", ["read"]);
		const leaked = await open(token);
		const innocent = await open(other.token);
		const closed = once(leaked.socket, "close");
		t.is((await manager.call("tokenRevoke", { id }, { cookie })).status, 200);
		t.is((await closed)[0], 4401);
		t.is((await callWith(token, "systemStatus")).status, 401);
		t.truthy((await innocent.ask("systemStatus")).output);
		innocent.socket.terminate();
	},
);

test.serial(
	"the WebSocket of a token deleted with psql is closed at the next call",
	async (t) => {
		const { token } = await create("deleted", ["read"]);
		const { socket } = await open(token);
		await sql("DELETE FROM token WHERE name = 'deleted'");
		socket.send(JSON.stringify({ id: 1, operation: "systemStatus" }));
		t.is((await once(socket, "close"))[0], 4401);
	},
);

test.serial(
	"a token expires on time and its open WebSockets are closed",
	async (t) => {
		const end = Date.now() + 1_500;
		const { token } = await create("short", ["read"], new Date(end));
		t.is((await callWith(token, "systemStatus")).status, 200);
		const { socket } = await open(token);
		const [code] = await once(socket, "close");
		t.is(code, 4401);
		t.true(Date.now() >= end);
		await delay(100); // PostgreSQL's clock and ours may differ by a few ms.
		t.is((await callWith(token, "systemStatus")).status, 401);
	},
);

test.serial("a token survives a restart and a password change", async (t) => {
	const { token } = await create("lasting", ["read"]);
	const input = { currentPassword: password, newPassword: `${password} 2` };
	await manager.call("changePassword", input, { cookie });
	await manager.stop();
	await manager.start();
	cookie = await manager.logIn(`${password} 2`);
	t.is((await callWith(token, "systemStatus")).status, 200);
});

test.serial(
	"wrong tokens are limited without affecting valid ones and logins",
	async (t) => {
		const { token } = await create("right", ["read"]);
		const from = { address: "192.168.0.70" };
		const wrong = { ...from, headers: bearer(`${token.slice(0, -1)}.`) };
		for (let i = 0; i < freeFailures; i++) {
			const { status, body } = await manager.call("systemStatus", {}, wrong);
			t.is(status, 401);
			t.is(body.error.code, "wrongToken");
		}
		const limited = await manager.call("systemStatus", {}, wrong);
		t.is(limited.status, 429);
		t.true(Number(limited.headers["retry-after"]) > 0);
		const right = { ...from, headers: bearer(token) };
		t.is((await manager.call("systemStatus", {}, right)).status, 200);
		await t.notThrowsAsync(manager.logIn(`${password} 2`, from.address));
	},
);

test.serial("a wrong token is refused even with a valid session", async (t) => {
	for (const value of ["x", "appm_", "__proto__", "a".repeat(8_000), "a b"]) {
		const from = { address: `10.0.${value.length % 200}.1`, cookie };
		const headers = bearer(value);
		const answer = await manager.call("systemStatus", {}, { ...from, headers });
		t.is(answer.status, 401);
	}
	const socket = manager.webSocket({ cookie, ...bearer("x") });
	socket.on("error", () => {}); // Emitted when the refused socket is closed.
	const [, response] = await once(socket, "unexpected-response");
	t.is(response.statusCode, 401);
	socket.terminate();
});

test.serial("a token is refused from a page of another origin", async (t) => {
	const { token } = await create("page", ["read"]);
	const headers = { ...bearer(token), origin: "https://evil.example" };
	const answer = await manager.call("systemStatus", {}, { headers });
	t.is(answer.status, 403);
});

test.serial(
	"calls with a token fail with 503 while PostgreSQL is unavailable",
	async (t) => {
		const { token } = await create("patient", ["read"]);
		await manager.cluster.kill();
		const answer = await callWith(token, "systemStatus");
		t.is(answer.status, 503);
		await manager.cluster.start();
	},
);

test.serial(
	"the OpenAPI document shows which operations accept tokens",
	async (t) => {
		const { body } = await manager.get("/manager/api/openapi.json");
		const securityOf = (name: string) => body.paths[`/${name}`].post.security;
		t.is(body.components.securitySchemes.token.scheme, "bearer");
		const session = { session: [] };
		t.deepEqual(securityOf("systemStatus"), [session, { token: ["read"] }]);
		t.deepEqual(securityOf("updateCancel"), [
			session,
			{ token: ["administer"] },
		]);
		t.deepEqual(securityOf("tokenCreate"), [session]);
		t.deepEqual(securityOf("login"), []);
	},
);
