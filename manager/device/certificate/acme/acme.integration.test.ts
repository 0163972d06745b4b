import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { appendFile, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import test from "ava";
import { request } from "undici";
import { TestAcmeServer } from "../../../../testing/test-acme-server.ts";
import { TestAppliance, until } from "../../../../testing/test-appliance.ts";
import { TestAuthority } from "../../../../testing/test-authority.ts";

// Certificates from an ACME authority, whose challenges arrive at HAProxy's HTTP port.
const timeoutMs = 60_000;
const name = "device.test";
const appliance = await TestAppliance.create();
const { manager, webServer } = appliance;
const call = appliance.call.bind(appliance);
const done = appliance.done.bind(appliance);
let authority: TestAcmeServer;

test.before(async () => {
	await webServer.start();
	authority = await TestAcmeServer.start(manager.directory, webServer.httpPort);
	appliance.environment = { MANAGER_ACME_CA_FILE: authority.authoritiesFile };
	await appliance.startManager();
});
test.after.always(async () => {
	await authority?.stop();
	await appliance.remove();
});

const enable = (names: string[], directoryUrl = authority.directoryUrl) =>
	call("acmeEnable", {
		...{ directoryUrl, names, email: "admin@example.com" },
		termsOfServiceAgreed: true,
	});

/** Waits until the order has ended. @returns the status. */
async function waitForOrder() {
	const end = performance.now() + timeoutMs;
	for (;;) {
		const status = await done("acmeStatus");
		if (status.state !== "ordering") return status;
		if (performance.now() > end) throw new Error("The order did not end");
		await delay(100);
	}
}

async function servedCertificate(): Promise<X509Certificate> {
	const socket = connect({
		host: "127.0.0.1",
		port: webServer.port,
		rejectUnauthorized: false,
	});
	await once(socket, "secureConnect");
	const certificate = socket.getPeerX509Certificate() as X509Certificate;
	socket.destroy();
	return certificate;
}

const query = manager.query.bind(manager);

async function restartManager(): Promise<void> {
	await manager.stop();
	await appliance.startManager();
}

const requestOverHttp = (path: string) =>
	request(`http://127.0.0.1:${webServer.httpPort}${path}`);

test.serial("is off until it is enabled", async (t) => {
	t.deepEqual(await done("acmeStatus"), { state: "off" });
});

test.serial("invalid requests are refused", async (t) => {
	const input = {
		directoryUrl: authority.directoryUrl,
		names: [name],
		email: "admin@example.com",
		termsOfServiceAgreed: true,
	};
	for (const wrong of [
		{ directoryUrl: "http://acme.example.com/" },
		{ directoryUrl: "file:///etc/passwd" },
		{ names: [] },
		{ names: ["192.0.2.1"] },
		{ names: ["*.example.com"] },
		{ names: ["a b"] },
		{ names: ["../x"] },
		{ email: "nobody" },
		{ termsOfServiceAgreed: false },
	])
		t.is((await call("acmeEnable", { ...input, ...wrong })).status, 400);
	t.is((await done("acmeStatus")).state, "off");
});

test.serial("port 80 serves only challenges", async (t) => {
	for (const path of [
		"/",
		"/manager/",
		"/manager/api/health",
		"/.well-known/x",
	])
		t.is((await requestOverHttp(path)).statusCode, 301, path);
	for (const path of [
		"unknown",
		"..%2f..%2fmanager%2f",
		"../../manager/api/health",
	])
		t.is(
			(await requestOverHttp(`/.well-known/acme-challenge/${path}`)).statusCode,
			path.startsWith("../") ? 301 : 404, // undici resolves dots itself.
			path,
		);
});

test.serial("a certificate for two names is ordered and used", async (t) => {
	const names = [name, "also.device.test"];
	t.is((await enable(names)).status, 200);
	const status = await waitForOrder();
	t.is(status.problem, undefined);
	t.is(status.state, "waiting");
	const { certificate } = await done("certificate");
	t.is(certificate.source, "acme");
	t.deepEqual([...certificate.names].sort(), [...names].sort());
	t.is(certificate.chain.length, 1);
	t.is((await servedCertificate()).fingerprint256, certificate.fingerprint);
	t.true(Date.parse(status.nextOrderAt) > Date.now());
	const order = { kind: "certificateOrder", subject: names.join(", ") };
	t.like((await done("jobs")).jobs[0], { ...order, state: "done" });
	t.true(Date.parse(status.nextOrderAt) < Date.parse(certificate.validUntil));
	t.notRegex(JSON.stringify(status), /PRIVATE/);
});

test.serial("a restart keeps it without another order", async (t) => {
	const before = await servedCertificate();
	await restartManager();
	t.is((await done("acmeStatus")).state, "waiting");
	t.is((await servedCertificate()).fingerprint256, before.fingerprint256);
});

test.serial("the manager's own host name is added at once", async (t) => {
	const hostName = "manager.device.test";
	await done("managerHostNameChange", { hostName });
	await until(
		"a certificate with the name",
		async () =>
			(await done("certificate")).certificate.names.includes(hostName),
		timeoutMs,
	);
	const { names } = (await done("certificate")).certificate;
	t.deepEqual([...names].sort(), [
		"also.device.test",
		"device.test",
		"manager.device.test",
	]);
	// What the administrator has entered stays.
	const status = await waitForOrder();
	t.deepEqual(status.names, [name, "also.device.test"]);
	t.true(Date.parse(status.nextOrderAt) > Date.now());
	await done("managerHostNameChange", { hostName: null });
});

test.serial(
	"an expired certificate is renewed with the same account",
	async (t) => {
		const before = await servedCertificate();
		const expired = await TestAuthority.create(name, {
			extensions: [`subjectAltName=DNS:${name}`],
			days: -1,
		});
		const [{ value }] = await query(
			"SELECT value FROM config WHERE name='acme'",
		);
		const pem = expired.certificate + expired.key;
		await manager.stop();
		await query(
			`UPDATE config SET value = '${JSON.stringify({ source: "acme", pem })}' WHERE name='webserverCertificate'`,
		);
		await appliance.startManager("the web server uses another certificate");
		await waitForOrder();
		const after = await servedCertificate();
		t.not(after.fingerprint256, before.fingerprint256);
		const [row] = await query("SELECT value FROM config WHERE name='acme'");
		t.is(row.value.accountKey, value.accountKey);
	},
);

test.serial("a failure is reported and retried later", async (t) => {
	const before = await servedCertificate();
	await authority.resolveTo("elsewhere.test", "127.0.0.2");
	await enable(["elsewhere.test"]);
	const status = await waitForOrder();
	t.regex(status.problem, /elsewhere\.test|refused/);
	const [job] = (await done("jobs")).jobs;
	t.like(job, { state: "failed", problem: status.problem });
	const waitMs = Date.parse(status.nextOrderAt) - Date.now();
	t.true(waitMs > 800_000 && waitMs <= 900_000, `${waitMs}`);
	t.is((await servedCertificate()).fingerprint256, before.fingerprint256);
	await restartManager();
	const later = await done("acmeStatus");
	t.is(later.state, "waiting");
	t.is(later.problem, status.problem);
});

test.serial(
	"a server that is no authority is reported as the problem",
	async (t) => {
		const http = createServer((_request, response) => response.end("x"));
		t.teardown(() => http.close());
		http.listen(0, "127.0.0.1");
		await once(http, "listening");
		const address = http.address();
		const port = typeof address === "object" && address ? address.port : 0;
		await enable([name], `https://127.0.0.1:${port}/dir`);
		t.truthy((await waitForOrder()).problem);
		// HTTPS, but with the device's own certificate, which is not trusted.
		await enable([name], `https://127.0.0.1:${webServer.port}/dir`);
		t.regex((await waitForOrder()).problem, /certificate/);
	},
);

test.serial(
	"the status does not show what other servers answer to the device",
	async (t) => {
		const root = await TestAuthority.create("inside");
		await appendFile(authority.authoritiesFile, root.certificate);
		const { certificate, key } = await root.server("inside", {
			extensions: ["subjectAltName=IP:127.0.0.1"],
		});
		let requests = 0;
		const server = createTlsServer(
			{ cert: certificate, key },
			(incoming, response) => {
				requests += 1;
				const at = `https://${incoming.headers.host}`;
				response.setHeader("content-type", "application/json");
				response.setHeader("replay-nonce", "bm9uY2U");
				if (incoming.url === "/dir")
					return response.end(
						JSON.stringify({ newNonce: at, newAccount: at, newOrder: at }),
					);
				response.statusCode = incoming.method === "HEAD" ? 200 : 403;
				response.end(JSON.stringify({ password: "for clients only" }));
			},
		);
		t.teardown(() => server.close());
		await once(server.listen(0, "127.0.0.1"), "listening");
		const { port } = server.address() as AddressInfo;
		await enable([name], `https://127.0.0.1:${port}/dir`);
		const { problem } = await waitForOrder();
		t.true(requests > 2);
		t.regex(problem, /does not answer like an ACME authority/);
		t.false(problem.includes("for clients only"));
	},
);

test.serial(
	"uploading a certificate disables it, as does the operation",
	async (t) => {
		await enable([name]);
		t.is((await waitForOrder()).problem, undefined);
		const own = await TestAuthority.create(name, {
			extensions: [`subjectAltName=DNS:${name}`],
		});
		await done("certificateUpload", { pem: own.certificate + own.key });
		t.is((await done("acmeStatus")).state, "off");
		await enable([name]);
		t.is((await waitForOrder()).problem, undefined);
		await done("acmeDisable");
		t.is((await done("acmeStatus")).state, "off");
		t.is((await done("certificate")).certificate.source, "acme");
	},
);

test.serial(
	"deleting the certificate in the database restores the default for good",
	async (t) => {
		await enable([name]);
		t.is((await waitForOrder()).problem, undefined);
		await query("DELETE FROM config WHERE name='webserverCertificate'");
		await restartManager();
		await manager.logged("ACME disabled: its certificate was deleted");
		t.is((await done("acmeStatus")).state, "off");
		const pem = await readFile(
			join(webServer.certificates, "default.pem"),
			"utf8",
		);
		const { certificate } = await done("certificate");
		t.is(certificate.fingerprint, new X509Certificate(pem).fingerprint256);
	},
);
