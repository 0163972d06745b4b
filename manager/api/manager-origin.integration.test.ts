import { once } from "node:events";
import { hostname } from "node:os";
import { join } from "node:path";
import test from "ava";
import { WebSocket } from "ws";
import { TestAppliance, until } from "../../testing/test-appliance.ts";
import { TestAuthority } from "../../testing/test-authority.ts";

// The web server of the image in front of the manager: where sessions exist, and which hosts are the machine's.
const appliance = await TestAppliance.withApp(
	join(import.meta.dirname, "../../testing/hostile-app"),
);
const { manager, webServer } = appliance;
const done = appliance.done.bind(appliance);
const apps = appliance.origin;
const own = appliance.managerOrigin;
let appPath: string;
let cookie: string;
let token: string;

test.before(async () => {
	appPath = await appliance.createInstance("hostile-app", "x", "a password");
	await done("changePassword", {
		...{ currentPassword: "pwd", newPassword: "correct horse" },
	});
	cookie = await manager.logIn("correct horse");
	const { body } = await manager.call(
		"tokenCreate",
		{ name: "script", scopes: ["administer"] },
		{ cookie },
	);
	token = body.token;
});
test.after.always(() => appliance.remove());

type Headers = Record<string, string>;

const get = (origin: string, path: string, headers: Headers = {}) =>
	appliance.fetch(path, { origin, headers });

/** Calls an operation through the web server. */
async function call(
	origin: string,
	operation: string,
	headers: Headers = {},
	input: object = {},
) {
	const { text, ...answer } = await appliance.fetch(
		`/manager/api/${operation}`,
		{
			origin,
			method: "POST",
			headers: { "content-type": "application/json", ...headers },
			body: JSON.stringify(input),
		},
	);
	return { ...answer, body: JSON.parse(text) };
}

/** @returns the status of the handshake. */
async function handshake(
	origin: string,
	path: string,
	headers: Headers,
): Promise<number> {
	const url = origin.replace("https", "wss") + path;
	const socket = new WebSocket(url, { rejectUnauthorized: false, headers });
	socket.on("error", () => {}); // Emitted when a refused socket is closed.
	const status = await Promise.race([
		once(socket, "open").then(() => 101),
		once(socket, "unexpected-response").then(
			([, { statusCode }]) => statusCode,
		),
	]);
	socket.terminate();
	return status;
}

const bearer = () => ({ authorization: `Bearer ${token}` });
const change = (operation: string, input: object) =>
	manager.call(operation, input, { cookie });

test.serial("the address of the apps leads to the page", async (t) => {
	for (const path of ["/", "/manager"])
		t.is((await get(apps, path)).headers.location, "/manager/");
	const page = await get(apps, "/manager/");
	// Not permanently: a setting may change it.
	t.is(page.status, 302);
	t.is(page.headers.location, `${own}/manager/`);
	t.is((await get(own, "/manager/")).status, 200);
});

test.serial("the manager's port serves nothing else", async (t) => {
	t.is((await get(apps, appPath)).status, 200);
	for (const path of [appPath, appPath.slice(0, -1), "/x", "/managerx"])
		t.is((await get(own, path)).status, 404, path);
});

test.serial("the page's links to apps lead to their address", async (t) => {
	const { headers } = await get(own, `/manager/open${appPath}?a=%2F`);
	t.is(headers.location, `${apps}${appPath}?a=%2F`);
});

test.serial("a session exists only at the manager's port", async (t) => {
	t.is((await call(own, "systemStatus", { cookie })).status, 200);
	t.is((await call(apps, "systemStatus", { cookie })).status, 401);
	t.false((await call(apps, "session", { cookie })).body.loggedIn);
	const offset = "/manager/api/update-file/offset";
	t.is((await get(own, offset, { cookie })).status, 200);
	t.is((await get(apps, offset, { cookie })).status, 401);
	t.is(await handshake(own, "/manager/api/ws", { cookie }), 101);
	t.is(await handshake(apps, "/manager/api/ws", { cookie }), 401);
});

test.serial("a client cannot forge the port", async (t) => {
	const forged = {
		"x-forwarded-port": String(webServer.managerPort),
		forwarded: `host=127.0.0.1:${webServer.managerPort}`,
		"x-forwarded-host": `127.0.0.1:${webServer.managerPort}`,
	};
	t.is((await call(apps, "systemStatus", { cookie, ...forged })).status, 401);
});

test.serial(
	"logins elsewhere are refused and name the right address, whatever the password",
	async (t) => {
		for (const [operation, input] of [
			["login", { password: "correct horse" }],
			["login", { password: "wrong" }],
			["logout", {}],
		] as const) {
			const answer = await call(apps, operation, { cookie }, input);
			t.is(answer.status, 403);
			t.is(answer.body.error.code, "wrongAddress");
			t.true(answer.body.error.message.includes(`${own}/manager/`));
			t.is(answer.headers["set-cookie"], undefined);
		}
		t.is((await call(own, "systemStatus", { cookie })).status, 200);
	},
);

test.serial("documented clients find the API at both", async (t) => {
	for (const origin of [apps, own]) {
		t.is((await call(origin, "systemStatus", bearer())).status, 200);
		t.is((await get(origin, "/manager/api/health")).status, 200);
		t.is((await get(origin, "/manager/api/openapi.json")).status, 200);
		t.is(await handshake(origin, "/manager", {}), 101);
		t.is(await handshake(origin, "/manager/", {}), 101);
		t.is(await handshake(origin, "/manager/api/ws", bearer()), 101);
	}
});

test.serial("the session is found among planted cookies", async (t) => {
	for (const planted of [
		`manager-session=planted; ${cookie}`,
		`manager-session=; manager-session=a=b; x=y;${cookie}; manager-session=z`,
	])
		t.is((await call(own, "systemStatus", { cookie: planted })).status, 200);
	const logout = await call(own, "logout", {
		cookie: `manager-session=planted; ${cookie}`,
	});
	t.is(logout.status, 200);
	t.is((await call(own, "systemStatus", { cookie })).status, 401);
	cookie = await manager.logIn("correct horse");
});

test.serial("pages of other origins do not use the session", async (t) => {
	for (const origin of [apps, own.replace("https", "http"), "null"]) {
		const answer = await call(own, "systemStatus", { cookie, origin });
		t.is(answer.status, 403, origin);
		t.is(answer.body.error.code, "wrongOrigin");
		t.is(await handshake(own, "/manager/api/ws", { cookie, origin }), 403);
	}
	t.is((await get(own, "/manager/api/health", { origin: apps })).status, 403);
	for (const site of ["same-site", "cross-site", "none"]) {
		const headers = { cookie, "sec-fetch-site": site };
		t.is((await call(own, "systemStatus", headers)).status, 401, site);
		t.is(await handshake(own, "/manager/api/ws", headers), 401, site);
	}
	const headers = { cookie, origin: own, "sec-fetch-site": "same-origin" };
	t.is((await call(own, "systemStatus", headers)).status, 200);
});

test.serial("names of others are refused, and the refusal helps", async (t) => {
	const headers = { cookie, host: "evil.example:8443" };
	const answer = await call(own, "systemStatus", headers);
	t.is(answer.status, 403);
	t.is(answer.body.error.code, "wrongHost");
	t.regex(
		answer.body.error.message,
		/Host "evil\.example:8443", Origin "undefined".*IP address.*DNS name/,
	);
	t.is((await get(own, "/manager/", { host: "evil.example" })).status, 403);
	t.is((await get(apps, "/manager/", { host: "evil.example" })).status, 403);
	const origin = "https://evil.example";
	const rebound = { cookie, host: "evil.example", origin };
	t.is(await handshake(own, "/manager/api/ws", rebound), 403);
	t.is(
		await handshake(apps, "/manager", { host: "evil.example", origin }),
		403,
	);
	// A program that knows a token or the password by any name.
	const program = { host: "any.example" };
	t.is(await handshake(apps, "/manager", program), 101);
	t.is((await get(apps, "/manager/api/health", program)).status, 200);
	const withToken = { ...program, ...bearer() };
	t.is((await call(apps, "systemStatus", withToken)).status, 200);
});

test.serial("names of the machine are accepted", async (t) => {
	await change("dnsNameChange", { dnsName: "apps.example.com" });
	const authority = await TestAuthority.create("Root");
	const server = await authority.server("device.example.org", {
		extensions: [
			"subjectAltName=DNS:device.example.org,DNS:*.wild.example.org",
		],
	});
	await change("certificateUpload", {
		pem: server.certificate + authority.certificate + server.key,
	});
	for (const host of [
		"192.168.0.1",
		"127.0.0.1:443",
		"[fd00::1]:8443",
		"localhost",
		hostname(),
		`${hostname()}.local`,
		"apps.example.com",
		"Apps.Example.com:443",
		"device.example.org",
		"a.wild.example.org",
	]) {
		const origin = new URL(`https://${host}`).origin;
		const answer = await call(own, "systemStatus", { cookie, host, origin });
		t.is(answer.status, 200, host);
	}
	for (const host of ["wild.example.org", "a.b.wild.example.org"])
		t.is((await call(own, "systemStatus", { cookie, host })).status, 403);
	await change("certificateDefault", {});
});

test.serial(
	"all names are accepted until the settings are known",
	async (t) => {
		await manager.stop();
		await manager.cluster.kill();
		await manager.start(
			"the database is not ready, trying again",
			appliance.managerEnvironment,
		);
		t.is((await get(own, "/manager/", { host: "any.example" })).status, 200);
		await manager.cluster.start();
		await manager.logged("the database is ready");
		await until(
			"the settings are known",
			async () =>
				(await get(own, "/manager/", { host: "any.example" })).status === 403,
		);
		cookie = await manager.logIn("correct horse");
		await appliance.waitForStatus(appPath);
	},
);

test.serial("a host name of its own leads to the manager alone", async (t) => {
	const host = "manager.example.com";
	const port = webServer.port;
	t.is((await get(apps, appPath, { host })).status, 200);
	const { status } = await change("managerHostNameChange", { hostName: host });
	t.is(status, 200);
	// The device's own certificate includes it.
	await until("the certificate has the name", async () => {
		const { body } = await change("certificate", {});
		return body.certificate.names.includes(host);
	});
	await until("the page is there", async () => {
		const { headers } = await get(apps, "/manager/");
		return headers.location === `https://${host}:${port}/manager/`;
	});
	const page = await get(apps, "/manager/", { host: `${host}:${port}` });
	t.is(page.status, 200);
	// Apps may have been there before.
	t.is(page.headers["clear-site-data"], '"storage"');
	t.is((await get(own, "/manager/")).headers["clear-site-data"], undefined);
	for (const name of [host, `${host}:443`, host.toUpperCase(), `${host}.`]) {
		for (const path of [appPath, appPath.slice(0, -1), "/x"])
			t.is((await get(apps, path, { host: name })).status, 404, name);
		t.is((await get(apps, "/", { host: name })).status, 302);
	}
	const origin = `https://${host}`;
	const headers = { cookie, host, origin };
	t.is((await call(apps, "systemStatus", headers)).status, 200);
	t.is((await call(apps, "systemStatus", { cookie })).status, 401);
	t.is((await get(apps, appPath)).status, 200);
	const link = await get(apps, `/manager/open${appPath}`, { host });
	t.is(link.headers.location, `https://apps.example.com:${port}${appPath}`);
});

test.serial("also after the web server has restarted", async (t) => {
	const host = "manager.example.com";
	await webServer.kill();
	await webServer.start();
	const statuses = new Set<number>();
	await until("the app is back", async () => {
		statuses.add((await get(apps, appPath, { host })).status);
		return (await get(apps, appPath)).status === 200;
	});
	statuses.add((await get(apps, appPath, { host })).status);
	t.deepEqual([...statuses], [404]);
});

test.serial("a certificate without the name is an alarm", async (t) => {
	const alarms = async () => {
		const { body } = await change("alarms", {});
		return body.alarms.map(({ text }: { text: string }) => text);
	};
	t.deepEqual(await alarms(), []);
	const authority = await TestAuthority.create("small.example.com", {
		extensions: ["subjectAltName=DNS:small.example.com"],
	});
	await change("certificateUpload", {
		pem: authority.certificate + authority.key,
	});
	t.regex((await alarms()).join(), /does not include manager\.example\.com/);
	// Nobody is sent to a page that the browser does not open.
	t.is((await get(apps, "/manager/")).headers.location, `${own}/manager/`);
	await change("certificateDefault", {});
	t.deepEqual(await alarms(), []);
});

test.serial("the DNS name of the apps is another one", async (t) => {
	const name = "manager.example.com";
	const dns = await change("dnsNameChange", { dnsName: name });
	t.is(dns.status, 409);
	t.regex(dns.body.error.message, /manager\.example\.com is already the host/);
	const hostName = "apps.example.com";
	const host = await change("managerHostNameChange", { hostName });
	t.is(host.status, 409);
	t.regex(host.body.error.message, /apps\.example\.com is already the DNS/);
});

test.serial("without the name, it leads to apps again", async (t) => {
	const host = "manager.example.com";
	await change("managerHostNameChange", { hostName: null });
	await until(
		"the app is back",
		async () => (await get(apps, appPath, { host })).status === 200,
	);
	t.is((await get(apps, "/manager/")).headers.location, `${own}/manager/`);
});

test.serial("everything is on port 443 if the setting says so", async (t) => {
	await change("managerOnAppOriginChange", { isOn: true });
	const page = await get(apps, "/manager/");
	t.is(page.status, 200);
	// The apps' data stay.
	t.is(page.headers["clear-site-data"], undefined);
	const login = { password: "correct horse" };
	t.is((await call(apps, "login", {}, login)).status, 200);
	for (const origin of [apps, own])
		t.is((await call(origin, "systemStatus", { cookie })).status, 200);
	await change("managerOnAppOriginChange", { isOn: false });
	t.is((await call(apps, "systemStatus", { cookie })).status, 401);
});
