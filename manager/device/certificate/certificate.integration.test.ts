import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import test from "ava";
import { WebSocket } from "ws";
import { TestAppliance, until } from "../../../testing/test-appliance.ts";
import { TestAuthority } from "../../../testing/test-authority.ts";
import { isCovered, ownAddresses } from "./names.ts";

// Certificates in the bundled manager and a real HAProxy with the image's configuration.
const run = promisify(execFile);
const timeoutMs = 20_000;
const name = "device.example.com";
const appliance = await TestAppliance.create();
const { manager, webServer } = appliance;
const call = appliance.call.bind(appliance);
const done = appliance.done.bind(appliance);
const usedFile = join(webServer.certificates, "certificate.pem");
const defaultFile = join(webServer.certificates, "default.pem");
const rsa = { newKey: ["rsa:4096"] };
const root = await TestAuthority.create("Root", rsa);
const upper = await root.intermediate("Upper", rsa);
const lower = await upper.intermediate("Lower", rsa);
const small = await TestAuthority.create("small.example.com", {
	extensions: ["subjectAltName=DNS:small.example.com"],
});
const smallPem = small.certificate + small.key;

test.before(() => appliance.start());
test.after.always(() => appliance.remove());

async function connectTls(): Promise<TLSSocket> {
	const socket = connect({
		host: "127.0.0.1",
		port: webServer.port,
		rejectUnauthorized: false,
	});
	await once(socket, "secureConnect");
	return socket;
}

/** Returns the fingerprints of the chain that a new connection gets, leaf first. */
async function servedChain(): Promise<string[]> {
	const socket = await connectTls();
	const chain: string[] = [];
	let one = socket.getPeerCertificate(true);
	while (one && !chain.includes(one.fingerprint256)) {
		chain.push(one.fingerprint256);
		one = one.issuerCertificate;
	}
	socket.destroy();
	return chain;
}

const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256;

/** Polls, because HAProxy does not report when it uses another certificate. */
async function waitUntilServed(pem: string): Promise<void> {
	const end = performance.now() + timeoutMs;
	for (;;) {
		const [own] = await servedChain().catch(() => []);
		if (own === fingerprint(pem)) return;
		if (performance.now() > end)
			throw new Error("HAProxy does not serve the certificate");
		await delay(50);
	}
}

async function deleteInDatabase(): Promise<void> {
	await manager.query("DELETE FROM config WHERE name='webserverCertificate'");
}

async function restartManager(): Promise<void> {
	await manager.stop();
	await appliance.startManager();
}

/** Sends a request on an open keep-alive connection. @returns the status line. */
async function requestHealth(socket: TLSSocket): Promise<string> {
	socket.write("GET /manager/api/health HTTP/1.1\r\nHost: x\r\n\r\n");
	const [data] = await once(socket, "data");
	return String(data).split("\r\n")[0] ?? "";
}

test.serial(
	"the default certificate, with all addresses, is used first",
	async (t) => {
		// The web server starts with a certificate of the machine's first start.
		const names = [hostname().toLowerCase(), ...ownAddresses()];
		await until("the certificate has all names", async () => {
			const answer = await done("certificate");
			return names.every((one) => isCovered(one, answer.certificate.names));
		});
		const { certificate } = await done("certificate");
		const pem = await readFile(defaultFile, "utf8");
		t.like(certificate, {
			isDefault: true,
			source: "default",
			subject: `CN=${hostname()}`,
			fingerprint: fingerprint(pem),
			chain: [],
		});
		t.is(certificate.names.length, names.length);
		await waitUntilServed(pem);
		await done("dnsNameChange", { dnsName: "device.example.com" });
		await until("the certificate has the DNS name", async () =>
			(await done("certificate")).certificate.names.includes(
				"device.example.com",
			),
		);
		await waitUntilServed(await readFile(defaultFile, "utf8"));
	},
);

test.serial(
	"only administrators can read it, and nobody the key",
	async (t) => {
		for (const operation of ["certificate", "certificateUpload", "acmeStatus"])
			t.is((await manager.call(operation, {})).status, 401);
		t.notRegex(JSON.stringify(await done("certificate")), /PRIVATE|BEGIN/);
	},
);

test.serial(
	"an upload is used at once, and open connections stay",
	async (t) => {
		const socket = await connectTls();
		t.is(await requestHealth(socket), "HTTP/1.1 200 OK");
		const webSocket = new WebSocket(
			`wss://127.0.0.1:${webServer.managerPort}/manager/api/ws`,
			{
				rejectUnauthorized: false,
				headers: { cookie: await manager.logIn() },
			},
		);
		await once(webSocket, "open");
		await done("certificateUpload", { pem: smallPem });
		t.deepEqual(await servedChain(), [fingerprint(smallPem)]);
		t.is(await requestHealth(socket), "HTTP/1.1 200 OK");
		webSocket.send(JSON.stringify({ id: 1, operation: "certificate" }));
		const [data] = await once(webSocket, "message");
		const { certificate } = JSON.parse(String(data)).output;
		t.is(certificate.source, "upload");
		t.is(certificate.fingerprint, fingerprint(smallPem));
		socket.destroy();
		webSocket.terminate();
	},
);

test.serial(
	"4096-bit RSA with two intermediates, for a client that trusts only the root",
	async (t) => {
		const server = await lower.server(name, rsa);
		const pem = [server, lower, upper, root]
			.map(({ certificate }) => certificate)
			.join("");
		await done("certificateUpload", { pem: pem + server.key });
		const socket = connect({
			host: "127.0.0.1",
			port: webServer.port,
			servername: name,
			ca: root.certificate,
		});
		await once(socket, "secureConnect");
		t.true(socket.authorized);
		socket.destroy();
		const { certificate } = await done("certificate");
		t.deepEqual(
			certificate.chain.map(({ subject }: { subject: string }) => subject),
			["CN=Lower, O=Test", "CN=Upper, O=Test"],
		);
		t.is(certificate.daysLeft, 99);
		t.is(certificate.warning, undefined);
	},
);

test.serial("a refused certificate changes nothing", async (t) => {
	const before = await servedChain();
	const stored = await readFile(usedFile, "utf8");
	const { status, body } = await call("certificateUpload", {
		pem: small.certificate + upper.key,
	});
	t.is(status, 400);
	t.is(body.error.code, "wrongKey");
	t.is(
		(await call("certificateUpload", { pem: "x".repeat(60_001) })).status,
		400,
	);
	t.is(
		(await call("certificateUpload", { pem: "x".repeat(70_000) })).status,
		413,
	);
	t.deepEqual(await servedChain(), before);
	t.is(await readFile(usedFile, "utf8"), stored);
});

test.serial(
	"a certificate that only the web server's OpenSSL refuses changes nothing",
	async (t) => {
		const before = await servedChain();
		const old = await lower.server("old.example.com", {
			newKey: ["rsa:2048"],
			otherOptions: ["-sha1"],
		});
		const pem = [old, lower, upper, root]
			.map(({ certificate }) => certificate)
			.join("");
		const { status, body } = await call("certificateUpload", {
			pem: pem + old.key,
		});
		t.is(status, 502);
		t.regex(body.error.message, /unable to load SSL certificate/);
		t.notRegex(body.error.message, /PRIVATE|BEGIN/);
		t.deepEqual(await servedChain(), before);
		await done("certificateUpload", { pem: smallPem });
		t.deepEqual(await servedChain(), [fingerprint(smallPem)]);
	},
);

test.serial(
	"an upload survives restarts of HAProxy and of the manager",
	async (t) => {
		await webServer.kill();
		await webServer.start();
		t.deepEqual(await servedChain(), [fingerprint(smallPem)]);
		await restartManager();
		await waitUntilServed(smallPem);
		t.is((await done("certificate")).certificate.source, "upload");
		t.is((await stat(usedFile)).mode & 0o777, 0o600);
	},
);

test.serial("a lost or truncated file is restored", async (t) => {
	const whole = await readFile(usedFile, "utf8");
	for (const command of [["rm"], ["truncate", "-s", "100"]]) {
		const [program, ...args] = command as [string, ...string[]];
		await run(program, [...args, usedFile]);
		await restartManager();
		await waitUntilServed(smallPem);
		t.is(await readFile(usedFile, "utf8"), whole);
	}
});

test.serial(
	"the default is restored at a restart after deletion in the database",
	async (t) => {
		await deleteInDatabase();
		await restartManager();
		const pem = await readFile(defaultFile, "utf8");
		await waitUntilServed(pem);
		t.true((await done("certificate")).certificate.isDefault);
		await webServer.kill();
		await webServer.start();
		t.deepEqual(await servedChain(), [fingerprint(pem)]);
	},
);

test.serial("the default is restored at once by an operation", async (t) => {
	await done("certificateUpload", { pem: smallPem });
	t.is((await done("certificateDefault")).result, "restored");
	await waitUntilServed(await readFile(defaultFile, "utf8"));
	t.true((await done("certificate")).certificate.isDefault);
});

test.serial(
	"a damaged row in the database falls back to the default",
	async (t) => {
		await done("certificateUpload", { pem: smallPem });
		await manager.query(
			"UPDATE config SET value = '{\"pem\": \"x\"}' WHERE name='webserverCertificate'",
		);
		await restartManager();
		await waitUntilServed(await readFile(defaultFile, "utf8"));
		t.pass();
	},
);

test.serial(
	"an expiring certificate raises an alarm until it is replaced",
	async (t) => {
		const brief = await TestAuthority.create("brief.example.com", {
			extensions: ["subjectAltName=DNS:brief.example.com"],
			days: 20,
		});
		await done("certificateUpload", { pem: brief.certificate + brief.key });
		const { certificate } = await done("certificate");
		t.regex(certificate.warning, /expires in 19 days/);
		t.is((await manager.logged("alarm")).level, "warn");
		const { alarms } = await done("alarms");
		t.is(alarms.length, 1);
		t.is(alarms[0].text, certificate.warning);
		await restartManager();
		await until(
			"the alarm is active again",
			async () => (await done("alarms")).alarms.length === 1,
		);
		t.deepEqual((await done("alarms")).alarms, alarms);
		await done("certificateUpload", { pem: smallPem });
		t.deepEqual((await done("alarms")).alarms, []);
		// Also if the certificate is replaced while the manager is stopped.
		await done("certificateUpload", { pem: brief.certificate + brief.key });
		const [leftover] = (await done("alarms")).alarms;
		await manager.stop();
		const value = JSON.stringify({ pem: smallPem, source: "upload" });
		await manager.query(
			`UPDATE config SET value = '${value}' WHERE name = 'webserverCertificate'`,
		);
		await appliance.startManager();
		await until("the alarm is cleared", async () =>
			(await done("pastAlarms")).alarms.some(
				({ sinceMs }: { sinceMs: number }) => sinceMs === leftover.sinceMs,
			),
		);
		t.deepEqual((await done("alarms")).alarms, []);
	},
);

const ownNames = [
	...[hostname(), name].map((one) => `DNS:${one}`),
	...ownAddresses().map((one) => `IP:${one}`),
].join();

/** Replaces the device's own certificate with one of another age or key. */
async function replaceDefault(days: number, key?: string): Promise<string> {
	const one = await TestAuthority.create("old-device", {
		extensions: [`subjectAltName=${ownNames}`],
		days,
	});
	const pem = one.certificate + (key ?? one.key);
	await writeFile(defaultFile, pem);
	return pem;
}

const alarmTexts = async () =>
	(await done("alarms")).alarms.map(({ text }: { text: string }) => text);

test.serial(
	"an unusable own certificate is renewed, and the operation says why",
	async (t) => {
		for (const [prepare, message] of [
			[
				() => replaceDefault(-1),
				/was renewed, because it expired on \d+-\d+-\d+$/,
			],
			[() => replaceDefault(20), /because it was about to expire on/],
			[
				() => replaceDefault(300, upper.key),
				/because it was damaged .*not belong/,
			],
			[() => writeFile(defaultFile, "x"), /because it was damaged/],
			[() => rm(defaultFile), /because it was missing/],
		] as const) {
			await prepare();
			const answer = await done("certificateDefault");
			t.is(answer.result, "renewed");
			t.regex(answer.message, message);
			const pem = await readFile(defaultFile, "utf8");
			await waitUntilServed(pem);
			const { certificate } = await done("certificate");
			t.like(certificate, { isDefault: true, fingerprint: fingerprint(pem) });
			t.is(certificate.validUntil, answer.validUntil);
			// Apple's clients accept at most 825 days and require the purpose.
			t.true(certificate.daysLeft > 800 && certificate.daysLeft < 825);
			const own = new X509Certificate(pem);
			t.false(own.ca);
			t.deepEqual(own.keyUsage as unknown, ["1.3.6.1.5.5.7.3.1"]);
			t.is((await stat(defaultFile)).mode & 0o777, 0o600);
		}
		t.like(await done("certificateDefault"), {
			result: "alreadyInUse",
			message: "The device's own certificate is already in use",
		});
		await done("certificateUpload", { pem: smallPem });
		t.like(await done("certificateDefault"), { result: "restored" });
		t.deepEqual((await readdir(webServer.certificates)).sort(), [
			"certificate.pem",
			"default.pem",
		]);
	},
);

test.serial(
	"an own certificate is renewed automatically before it expires, and the alarm is cleared",
	async (t) => {
		const brief = await replaceDefault(20);
		const command = join(appliance.manager.directory, "certificate");
		await writeFile(
			command,
			`#!/bin/sh\n[ "$1" != make ] && exec ${join(import.meta.dirname, "../../../development/certificate.sh")} "$@"\n`,
			{ mode: 0o755 },
		);
		appliance.environment = { MANAGER_CERTIFICATE_COMMAND: command };
		await restartManager();
		// It cannot be renewed yet: it stays in use, with the alarm.
		await waitUntilServed(brief);
		await until("the alarm is active", async () =>
			(await alarmTexts()).some((one: string) => /expires in 19/.test(one)),
		);
		const { status, body } = await call("certificateDefault");
		t.is(status, 500);
		t.regex(body.error.message, /cannot be renewed/);
		t.is(await readFile(defaultFile, "utf8"), brief);
		appliance.environment = {};
		const socket = await connectTls();
		t.is(await requestHealth(socket), "HTTP/1.1 200 OK");
		await restartManager();
		await until("the certificate is renewed", async () => {
			const { certificate } = await done("certificate");
			return certificate.daysLeft > 800;
		});
		await waitUntilServed(await readFile(defaultFile, "utf8"));
		t.is(await requestHealth(socket), "HTTP/1.1 200 OK");
		socket.destroy();
		await until(
			"the alarm is cleared",
			async () => (await alarmTexts()).length === 0,
		);
	},
);

test.serial(
	"an unused own certificate is not renewed automatically",
	async (t) => {
		await done("certificateUpload", { pem: smallPem });
		const brief = await replaceDefault(20);
		await restartManager();
		await waitUntilServed(smallPem);
		t.is(await readFile(defaultFile, "utf8"), brief);
		t.is((await done("certificateDefault")).result, "renewed");
	},
);

test.serial("the log never contains a key", async (t) => {
	const pem = smallPem;
	await done("certificateUpload", { pem });
	t.is((await call("certificateUpload", { pem: pem + upper.key })).status, 400);
	await webServer.kill();
	t.is((await call("certificateUpload", { pem })).status, 502);
	await manager.stop();
	const secrets = [small, upper].map(({ key }) => key.split("\n")[1] as string);
	const log = JSON.stringify(manager.lines);
	t.true(log.includes("another certificate"));
	t.false(secrets.some((secret) => log.includes(secret)));
	t.notRegex(log, /PRIVATE KEY/);
});
