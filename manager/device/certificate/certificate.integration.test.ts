import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import test from "ava";
import { WebSocket } from "ws";
import { TestAppliance, until } from "../../../testing/test-appliance.ts";
import { TestAuthority } from "../../../testing/test-authority.ts";

// An admin's certificates, in the bundled manager and a real HAProxy with the image's configuration.
const run = promisify(execFile);
const patienceMs = 20_000;
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

async function connection(): Promise<TLSSocket> {
	const socket = connect({
		host: "127.0.0.1",
		port: webServer.port,
		rejectUnauthorized: false,
	});
	await once(socket, "secureConnect");
	return socket;
}

/** The fingerprints of what a new connection is shown, the server's own first. */
async function shown(): Promise<string[]> {
	const socket = await connection();
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

/** Nothing tells us when another process is ready: looked at again and again. */
async function untilShown(pem: string): Promise<void> {
	const end = performance.now() + patienceMs;
	for (;;) {
		const [own] = await shown().catch(() => []);
		if (own === fingerprint(pem)) return;
		if (performance.now() > end) throw new Error("It was never shown");
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

/** An open keep-alive connection. @returns the status of one more request on it. */
async function ask(socket: TLSSocket): Promise<string> {
	socket.write("GET /manager/api/health HTTP/1.1\r\nHost: x\r\n\r\n");
	const [data] = await once(socket, "data");
	return String(data).split("\r\n")[0] ?? "";
}

test.serial("in the beginning there is the default one", async (t) => {
	const { certificate } = await done("certificate");
	const pem = await readFile(defaultFile, "utf8");
	t.like(certificate, {
		isDefault: true,
		source: "default",
		subject: "CN=test",
		names: ["test"],
		fingerprint: fingerprint(pem),
		chain: [],
	});
	t.deepEqual(await shown(), [fingerprint(pem)]);
});

test.serial(
	"only an administrator may look, and nobody sees the key",
	async (t) => {
		for (const operation of ["certificate", "certificateUpload", "acmeStatus"])
			t.is((await manager.call(operation, {})).status, 401);
		t.notRegex(JSON.stringify(await done("certificate")), /PRIVATE|BEGIN/);
	},
);

test.serial(
	"an upload counts at once, and open connections live on",
	async (t) => {
		const socket = await connection();
		t.is(await ask(socket), "HTTP/1.1 200 OK");
		const webSocket = new WebSocket(
			`wss://127.0.0.1:${webServer.port}/manager/api/ws`,
			{
				rejectUnauthorized: false,
				headers: { cookie: await manager.logIn() },
			},
		);
		await once(webSocket, "open");
		await done("certificateUpload", { pem: smallPem });
		t.deepEqual(await shown(), [fingerprint(smallPem)]);
		t.is(await ask(socket), "HTTP/1.1 200 OK");
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
	"4096-bit RSA with two intermediates, and a client that trusts the root alone",
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

test.serial("a refused one changes nothing", async (t) => {
	const before = await shown();
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
	t.deepEqual(await shown(), before);
	t.is(await readFile(usedFile, "utf8"), stored);
});

test.serial(
	"what only the web server's OpenSSL refuses changes nothing either",
	async (t) => {
		const before = await shown();
		const old = await lower.server("old.example.com", {
			newKey: ["rsa:2048"],
			more: ["-sha1"],
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
		t.deepEqual(await shown(), before);
		await done("certificateUpload", { pem: smallPem });
		t.deepEqual(await shown(), [fingerprint(smallPem)]);
	},
);

test.serial("it survives restarts of HAProxy and of the manager", async (t) => {
	await webServer.kill();
	await webServer.start();
	t.deepEqual(await shown(), [fingerprint(smallPem)]);
	await restartManager();
	await untilShown(smallPem);
	t.is((await done("certificate")).certificate.source, "upload");
	t.is((await stat(usedFile)).mode & 0o777, 0o600);
});

test.serial("a file that was lost or cut off is made again", async (t) => {
	const whole = await readFile(usedFile, "utf8");
	for (const command of [["rm"], ["truncate", "-s", "100"]]) {
		const [program, ...args] = command as [string, ...string[]];
		await run(program, [...args, usedFile]);
		await restartManager();
		await untilShown(smallPem);
		t.is(await readFile(usedFile, "utf8"), whole);
	}
});

test.serial(
	"deleted in the database, the default is back after the manager's restart",
	async (t) => {
		await deleteInDatabase();
		await restartManager();
		const pem = await readFile(defaultFile, "utf8");
		await untilShown(pem);
		t.true((await done("certificate")).certificate.isDefault);
		await webServer.kill();
		await webServer.start();
		t.deepEqual(await shown(), [fingerprint(pem)]);
	},
);

test.serial("or at once by an operation", async (t) => {
	await done("certificateUpload", { pem: smallPem });
	t.is((await done("certificateDefault")).result, "restored");
	await untilShown(await readFile(defaultFile, "utf8"));
	t.true((await done("certificate")).certificate.isDefault);
});

test.serial("a damaged entry in the database keeps nobody out", async (t) => {
	await done("certificateUpload", { pem: smallPem });
	await manager.query(
		"UPDATE config SET value = '{\"pem\": \"x\"}' WHERE name='webserverCertificate'",
	);
	await restartManager();
	await untilShown(await readFile(defaultFile, "utf8"));
	t.pass();
});

test.serial(
	"the end of one is an alarm, until another takes its place",
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
			"it is there again",
			async () => (await done("alarms")).alarms.length === 1,
		);
		t.deepEqual((await done("alarms")).alarms, alarms);
		await done("certificateUpload", { pem: smallPem });
		t.deepEqual((await done("alarms")).alarms, []);
		// Also when another one took its place while the manager was away.
		await done("certificateUpload", { pem: brief.certificate + brief.key });
		const [left] = (await done("alarms")).alarms;
		await manager.stop();
		const value = JSON.stringify({ pem: smallPem, source: "upload" });
		await manager.query(
			`UPDATE config SET value = '${value}' WHERE name = 'webserverCertificate'`,
		);
		await appliance.startManager();
		await until("it is over", async () =>
			(await done("pastAlarms")).alarms.some(
				({ sinceMs }: { sinceMs: number }) => sinceMs === left.sinceMs,
			),
		);
		t.deepEqual((await done("alarms")).alarms, []);
	},
);

/** One of the device's own, as if it had been made long ago. */
async function makeOwn(days: number, key?: string): Promise<string> {
	const one = await TestAuthority.create("old-device", {
		extensions: ["subjectAltName=DNS:old-device"],
		days,
	});
	const pem = one.certificate + (key ?? one.key);
	await writeFile(defaultFile, pem);
	return pem;
}

const alarmTexts = async () =>
	(await done("alarms")).alarms.map(({ text }: { text: string }) => text);

test.serial(
	"the device's own is renewed where it cannot be used, and an operation says what it did",
	async (t) => {
		for (const [prepare, message] of [
			[() => makeOwn(-1), /was renewed, because it expired on \d+-\d+-\d+$/],
			[() => makeOwn(20), /because it was about to expire on/],
			[() => makeOwn(300, upper.key), /because it was damaged .*not belong/],
			[() => writeFile(defaultFile, "x"), /because it was damaged/],
			[() => rm(defaultFile), /because it was missing/],
		] as const) {
			await prepare();
			const answer = await done("certificateDefault");
			t.is(answer.result, "renewed");
			t.regex(answer.message, message);
			const pem = await readFile(defaultFile, "utf8");
			await untilShown(pem);
			const { certificate } = await done("certificate");
			t.like(certificate, { isDefault: true, fingerprint: fingerprint(pem) });
			t.is(certificate.validUntil, answer.validUntil);
			// Apple's clients take no more than 825, and want the purpose said.
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
	"one that is about to expire is renewed without anybody, and the alarm ends",
	async (t) => {
		const brief = await makeOwn(20);
		appliance.settings = { MANAGER_MAKE_CERTIFICATE_COMMAND: "/bin/false" };
		await restartManager();
		// It cannot be renewed yet: used all the same, with the alarm.
		await untilShown(brief);
		await until("the alarm", async () =>
			(await alarmTexts()).some((one: string) => /expires in 19/.test(one)),
		);
		const { status, body } = await call("certificateDefault");
		t.is(status, 500);
		t.regex(body.error.message, /cannot be renewed/);
		t.is(await readFile(defaultFile, "utf8"), brief);
		appliance.settings = {};
		const socket = await connection();
		t.is(await ask(socket), "HTTP/1.1 200 OK");
		await restartManager();
		await until("renewed", async () => {
			const { certificate } = await done("certificate");
			return certificate.daysLeft > 800;
		});
		await untilShown(await readFile(defaultFile, "utf8"));
		t.is(await ask(socket), "HTTP/1.1 200 OK");
		socket.destroy();
		await until("no alarm", async () => (await alarmTexts()).length === 0);
	},
);

test.serial("one that is not used is not renewed by itself", async (t) => {
	await done("certificateUpload", { pem: smallPem });
	const brief = await makeOwn(20);
	await restartManager();
	await untilShown(smallPem);
	t.is(await readFile(defaultFile, "utf8"), brief);
	t.is((await done("certificateDefault")).result, "renewed");
});

test.serial("no key ever gets into the log", async (t) => {
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
