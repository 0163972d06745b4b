import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { Agent, request } from "undici";
import { TestAppliance } from "../../../testing/test-appliance.ts";
import { TestAuthority } from "../../../testing/test-authority.ts";

// What the holder of exactly one scope can call: the table in docs/api.md, with real tokens over HTTP.
const root = join(import.meta.dirname, "../../..");
const appliance = await TestAppliance.withApp(join(root, "apps/notes"));
const { manager } = appliance;
const socket = new Agent({ connect: { socketPath: manager.socket } });
const authority = await TestAuthority.create("device.example.com", {
	extensions: ["subjectAltName=DNS:device.example.com"],
});
const instance = { password: "web-9K-secret", databasePassword: "data-9K-x" };
const managerPassword = "correct horse 9K";
const parallel = 8;

/** An operation or an upload of the OpenAPI document. */
interface Call {
	path: string;
	method: string;
}

let calls: Call[] = [];
/** Under "tokens" in the table, by path. */
const documented = new Map<string, string>();
const tokens = new Map<string, string>();
let id = 0;

/** Of an operation, the name of its scope. */
const scopeOf = (path: string) => path.split("/")[0] ?? "";

test.before(async () => {
	const wanted = {
		...{ serviceId: "app-platform_notes", name: "one", domain: "example.com" },
		...instance,
	};
	({ id } = await appliance.done("instanceCreate", wanted));
	await appliance.done("certificateUpload", {
		pem: authority.certificate + authority.key,
	});
	const cookie = await manager.logIn();
	const change = await manager.call(
		"changePassword",
		{ currentPassword: "pwd", newPassword: managerPassword },
		{ cookie },
	);
	const session = String(change.headers["set-cookie"]).split(";")[0] ?? "";
	const { body } = await manager.get("/manager/api/openapi.json");
	calls = Object.entries<object>(body.paths).flatMap(([path, methods]) =>
		Object.keys(methods).map((method) => ({
			path: path.slice(1),
			method: method.toUpperCase(),
		})),
	);
	const rows = (await readFile(join(root, "docs/api.md"), "utf8")).matchAll(
		/^\| `([\w/-]+)` \| (everybody|read|administer|by name|never) \|(?: [^|]+ \|){3}$/gm,
	);
	for (const [, path = "", use = ""] of rows) documented.set(path, use);
	const scopes = new Set(calls.map(({ path }) => scopeOf(path)));
	for (const scope of ["read", "administer", ...scopes]) {
		const input = { name: scope, scopes: [scope] };
		const answer = await manager.call("tokenCreate", input, {
			cookie: session,
		});
		if (answer.status === 200) tokens.set(scope, answer.body.token);
	}
});
test.after.always(async () => {
	await socket.close();
	await appliance.remove();
});

/** @param input nothing that an operation accepts: access is checked first. */
async function send(
	{ path, method }: Call,
	token: string,
	input: object = { "not a field": true },
) {
	const headers = {
		authorization: `Bearer ${token}`,
		"content-type": "application/json",
		// Of an upload: invalid.
		"content-range": "bytes none",
	};
	const { statusCode, body } = await request(
		`http://localhost/manager/api/${path}`,
		{
			dispatcher: socket,
			method: method as "GET" | "POST" | "PUT",
			headers,
			...(method !== "GET" && { body: JSON.stringify(input) }),
		},
	);
	return { status: statusCode, text: await body.text() };
}

/** Whether a token for one scope may call an operation, as the table says. */
function isDocumented(scope: string, path: string): boolean {
	const use = documented.get(path);
	if (use === "everybody") return true;
	if (use === "never") return false;
	if (scope === scopeOf(path)) return true;
	if (use === "by name") return false;
	return scope === "administer" || (scope === "read" && use === "read");
}

test.serial("the table has all operations, and no others", (t) => {
	const paths = new Set(calls.map(({ path }) => path));
	t.deepEqual([...documented.keys()].sort(), [...paths].sort());
	t.true(paths.size > 50);
});

test.serial("tokens exist for the scopes of the table, and no others", (t) => {
	const scopes = [...documented]
		.filter(([, use]) => use !== "never" && use !== "everybody")
		.map(([path]) => scopeOf(path));
	t.deepEqual(
		[...tokens.keys()].sort(),
		[...new Set(["read", "administer", ...scopes])].sort(),
	);
});

test.serial("a token for one scope calls what the table says", async (t) => {
	t.timeout(120_000);
	const wrong: string[] = [];
	const check = async (scope: string, token: string, call: Call) => {
		const { status, text } = await send(call, token);
		const isRefused = status === 403 && text.includes('"notForToken"');
		const isAllowed = ![401, 403, 404, 429, 500].includes(status);
		const { method, path } = call;
		if (isDocumented(scope, path) ? !isAllowed : !isRefused)
			wrong.push(`${scope}: ${method} ${path}: ${status} ${text}`);
	};
	for (const [scope, token] of tokens)
		for (let first = 0; first < calls.length; first += parallel)
			await Promise.all(
				calls
					.slice(first, first + parallel)
					.map((call) => check(scope, token, call)),
			);
	t.deepEqual(wrong, []);
});

test.serial("operations that only read return no secrets", async (t) => {
	const secrets = [
		...[...Object.values(instance), managerPassword, "PRIVATE KEY"],
		...tokens.values(),
	];
	const inputs: Record<string, object> = {
		serviceLog: { id: "app-platform_notes" },
	};
	const token = tokens.get("read") ?? "";
	for (const [path, use] of documented) {
		if (use !== "read") continue;
		const method = path === "update-file/offset" ? "GET" : "POST";
		const { status, text } = await send(
			{ path, method },
			token,
			inputs[path] ?? {},
		);
		t.is(status, 200, `${path}: ${text}`);
		for (const secret of secrets) t.false(text.includes(secret), path);
	}
});

test.serial(
	"passwords of instances need a token that names them",
	async (t) => {
		const call = { path: "instanceCredentials", method: "POST" };
		const { text } = await send(call, tokens.get(call.path) ?? "", { id });
		t.deepEqual(JSON.parse(text), instance);
		t.is(
			(await send(call, tokens.get("administer") ?? "", { id })).status,
			403,
		);
	},
);
