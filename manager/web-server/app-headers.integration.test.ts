import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import test from "ava";
import { TestWebServer } from "../../testing/test-web-server.ts";

// An app shares its origin with all other apps and the manager: what it sends must not reach them.
const client = "127.0.0.1";
const web = await TestWebServer.start(400);
const path = "/example.com/app/";
const headersOfApp: [string, string][] = [];
let received: IncomingHttpHeaders = {};
const app = await web.addApp(path, (request, response) => {
	received = request.headers;
	for (const [name, value] of headersOfApp) response.appendHeader(name, value);
	response.end("the app");
});
app.webSockets.on("headers", (headers) => {
	for (const [name, value] of headersOfApp) headers.push(`${name}: ${value}`);
});
test.after.always(() => web.remove());

/** Returns the headers that a client gets when the app sends these. */
async function sent(...headers: [string, string][]) {
	headersOfApp.splice(0, Number.POSITIVE_INFINITY, ...headers);
	const answer = await web.get(path, client);
	return answer.headers;
}

/** Returns the cookies that a client gets, without those that browsers ignore. */
async function cookies(...values: string[]): Promise<string[]> {
	const headers = await sent(
		...values.map((value): [string, string] => ["Set-Cookie", value]),
	);
	return [headers["set-cookie"] ?? []].flat().filter((value) => value !== "");
}

/** Headers about the whole origin. */
const removed: [string, string][] = [
	["Service-Worker-Allowed", "/"],
	["Clear-Site-Data", '"*"'],
	["Strict-Transport-Security", "max-age=31536000; includeSubDomains"],
	["Public-Key-Pins", 'pin-sha256="AAAA"; max-age=5184000'],
	["Public-Key-Pins-Report-Only", 'pin-sha256="AAAA"; max-age=5184000'],
	["Expect-CT", 'max-age=86400, enforce, report-uri="https://example.net"'],
	["Alt-Svc", 'h3="example.net:443"; ma=2592000'],
	["NEL", '{"report_to":"x","max_age":2592000}'],
	[
		"Report-To",
		'{"group":"x","max_age":2592000,"endpoints":[{"url":"https://example.net"}]}',
	],
	["Accept-CH", "Sec-CH-UA-Model"],
	["Accept-CH-Lifetime", "86400"],
	["Critical-CH", "Sec-CH-UA-Model"],
	["Use-As-Dictionary", 'match="/*"'],
	["Origin-Agent-Cluster", "?0"],
	["Set-Login", "logged-in"],
	["Sec-Session-Registration", '(ES256);path="/"'],
	["Secure-Session-Registration", '(ES256);path="/"'],
	["Set-Cookie2", "a=b; Path=/"],
];
/** Headers about the response alone. */
const kept: [string, string][] = [
	["Content-Security-Policy", "sandbox"],
	["Cross-Origin-Opener-Policy", "same-origin"],
	["Cross-Origin-Embedder-Policy", "require-corp"],
	["Cross-Origin-Resource-Policy", "cross-origin"],
	["Access-Control-Allow-Origin", "*"],
	["Permissions-Policy", "camera=()"],
	["Reporting-Endpoints", 'x="/example.com/app/reports"'],
	["Refresh", "5"],
	["Link", "<x.css>; rel=preload; as=style"],
	["Cache-Control", "no-cache"],
	["X-Frame-Options", "DENY"],
];

test.serial(
	"headers about the whole origin are removed, others pass",
	async (t) => {
		const headers = await sent(...removed, ...kept);
		for (const [name] of removed) t.is(headers[name.toLowerCase()], undefined);
		for (const [name, value] of kept) t.is(headers[name.toLowerCase()], value);
	},
);

test.serial("they are removed from the answer to a WebSocket", async (t) => {
	headersOfApp.splice(0, Number.POSITIVE_INFINITY, ...removed, [
		"Set-Cookie",
		"a=b; Path=/",
	]);
	const socket = web.tls(client);
	await once(socket, "secureConnect");
	socket.write(
		[
			`GET ${path} HTTP/1.1`,
			...["Host: test", "Connection: Upgrade", "Upgrade: websocket"],
			...[
				"Sec-WebSocket-Version: 13",
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
			],
			"\r\n",
		].join("\r\n"),
	);
	const [answer] = await once(socket, "data");
	t.regex(String(answer), /^HTTP\/1.1 101 /);
	for (const [name] of removed)
		t.notRegex(String(answer), new RegExp(`^${name}:`, "im"));
	t.notRegex(String(answer), /a=b/);
});

for (const cookie of [
	"a=b",
	"a=",
	"a=b; Path=/example.com/app",
	"a=b; Path=/example.com/app/",
	"a=b; path=/example.com/app/deeper; HttpOnly",
	"a=b;Path=/example.com/app/;Secure;HttpOnly;SameSite=Strict",
	"a=b; Max-Age=60; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Priority=High;",
	"a=b; PATH = /example.com/app/ ; Partitioned; Secure",
	'a="b c,d"; Path=/example.com/app/',
	"__Secure-a=b; Secure; Path=/example.com/app/",
	"session=x=y=z; Path=/example.com/app/",
])
	test.serial(`a cookie passes: ${cookie}`, async (t) => {
		t.deepEqual(await cookies(cookie), [cookie]);
	});

for (const cookie of [
	"a=b; Path=/",
	"a=b; Path=/example.com",
	"a=b; Path=/example.com/",
	"a=b; Path=/example.com/ap",
	"a=b; Path=/example.com/app2/",
	"a=b; Path=/example.com/other/",
	"a=b; Path=/EXAMPLE.com/app/",
	"a=b; Path=/manager",
	"a=b;path=/",
	"a=b;\tPATH\t=\t/",
	"a=b; Path=/example.com/app/; Path=/",
	"a=b; Path=/; Path=/example.com/app/",
	"a=b; Path=",
	"a=b; Path",
	'a=b; Path="/example.com/app/"',
	"a=b; Domain=example.com",
	"a=b; Path=/example.com/app/; domain=test",
	"a=b; Domain=",
	"a=b; Scope=everything",
	"__Host-a=b; Secure; Path=/",
	"manager-session=x",
	"Manager-Session=x; Path=/example.com/app/",
	"manager-session =x",
	"manager-session",
	"manager-browser=x",
	"=manager-session=x",
	"=x",
	"no-name",
	"; Path=/",
	"=example.com/app a=b; Path=/",
])
	test.serial(`a cookie is refused: ${cookie}`, async (t) => {
		t.deepEqual(await cookies(cookie, "good=1"), ["good=1"]);
		// Not even an empty header is left.
		t.is((await sent(["Set-Cookie", cookie]))["set-cookie"], undefined);
	});

test.serial("a hostile cookie takes no time", async (t) => {
	const spaces = " ".repeat(6_000);
	const startMs = performance.now();
	t.deepEqual(
		await cookies(
			`a=b;${spaces}max-age${spaces}x`,
			`a=b${"; ".repeat(800)}x`,
			"good=1",
		),
		["good=1"],
	);
	t.true(performance.now() - startMs < 1_000);
});

test.serial("a cookie's default path is within the app's", async (t) => {
	const { status, headers } = await web.get(path.slice(0, -1), client);
	t.is(status, 308);
	t.is(headers.location, path);
	t.is(headers["set-cookie"], undefined);
});

test.serial("the manager's cookies pass", async (t) => {
	web.manager.http.prependOnceListener("request", (_request, response) => {
		response.setHeader("Set-Cookie", "manager-session=x; Path=/manager");
	});
	const { headers } = await web.get("/manager/", client);
	t.is(headers["set-cookie"], "manager-session=x; Path=/manager");
});

test.serial("apps do not get the manager's credentials", async (t) => {
	headersOfApp.length = 0;
	for (const [cookie, expected] of [
		["manager-session=x", ""],
		["a=b; manager-session=x; c=d", "a=b; c=d"],
		["manager-session=x;manager-session=y; a=b", "; a=b"],
		["a=b; manager-browser=x", "a=b"],
		["my-manager-session=x; a=b", "my-manager-session=x; a=b"],
	] as const) {
		await web.get(path, client, { cookie });
		t.is(received.cookie, expected);
	}
	await web.get(path, client, { authorization: "Bearer appm_secret" });
	t.is(received.authorization, undefined);
	for (const authorization of ["Bearer other", "Basic YTpi"]) {
		await web.get(path, client, { authorization });
		t.is(received.authorization, authorization);
	}
});

test.serial("no app gets the password of another one", async (t) => {
	for (const [challenge, expected] of [
		['Basic realm="Files"', 'Basic realm="/example.com/app/ Files"'],
		[
			'basic Realm="Files", charset="UTF-8"',
			'Basic realm="/example.com/app/ Files", charset="UTF-8"',
		],
		["Basic", 'Basic realm="/example.com/app/"'],
		["Basic realm=Files", 'Basic realm="/example.com/app/"'],
		[
			'Basic realm="/example.com/other/ \\x"',
			'Basic realm="/example.com/app/"',
		],
		[
			'Basic realm="/example.com/other/ x"',
			'Basic realm="/example.com/app/ /example.com/other/ x"',
		],
		[
			'Digest realm="x", nonce="y", Basic realm="Files"',
			'Basic realm="/example.com/app/"',
		],
		["Bearer", "Bearer"],
		['Digest realm="basics", nonce="y"', 'Digest realm="basics", nonce="y"'],
	] as const)
		t.is(
			(await sent(["WWW-Authenticate", challenge]))["www-authenticate"],
			expected,
		);
});
