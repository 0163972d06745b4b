import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { Client } from "pg";
import { freePort } from "../../../development/free-port.ts";
import {
	appDirectoriesIn,
	makeStore,
} from "../../../development/make-store.ts";
import {
	makeCertificate,
	type TestCertificate,
} from "../../../testing/test-certificates.ts";
import { TestManager } from "../../../testing/test-manager.ts";
import { startTemporaryCluster } from "../../database/temporary-cluster.ts";

// Another PostgreSQL, over the network, with and without TLS, stands for the external host.
const manager = await TestManager.create();
const port = await freePort();
const external = await startTemporaryCluster({
	port: String(port),
	listen_addresses: "127.0.0.1",
});
const authority = await makeCertificate(external.host, "authority");
const named = (name: string, subjectAltName: string) =>
	makeCertificate(external.host, name, { by: authority, subjectAltName });
const ours = await named("ours", "DNS:localhost,IP:127.0.0.1");
const others = await named("others", "DNS:db.example.com");
const admin = new Client({
	...{ host: external.host, port, user: external.user, database: "postgres" },
});
const settings = {
	MANAGER_RUN_FOLDER: join(manager.directory, "run"),
	MANAGER_RUN_APP_COMMAND: join(
		import.meta.dirname,
		"../../../development/run-app.sh",
	),
};
const password = "of the external host";
const address = `localhost:${port}`;
const ca = authority.pem;
let cookie = "";
let id = 0;

test.before(async () => {
	const store = join(manager.directory, "store");
	await makeStore(
		await appDirectoriesIn(join(import.meta.dirname, "../../../apps")),
		store,
	);
	await manager.start("the database is ready", settings);
	cookie = await manager.logIn();
	await admin.connect();
	await admin.query(`CREATE ROLE dbuser LOGIN PASSWORD '${password}'`);
	await admin.query("CREATE DATABASE dbname OWNER dbuser");
	await done("storeUrlChange", { url: store });
	await done("serviceInstall", { id: "app-platform_notes" });
	({ id } = await done("instanceCreate", {
		serviceId: "app-platform_notes",
		name: "notes",
		domain: "example.com",
		databaseName: "dbname",
		databaseUser: "dbuser",
	}));
	await becomes("running");
});
test.after.always(async () => {
	await admin.end();
	await manager.remove();
	await external.remove();
});

async function done(operation: string, input: object = {}) {
	const { status, body } = await manager.call(operation, input, { cookie });
	if (status !== 200) throw new Error(body.error.message);
	return body;
}

async function becomes(state: string) {
	const end = performance.now() + 20_000;
	for (;;) {
		const [instance] = (await done("instances")).instances;
		if (instance.state === state) return instance;
		if (performance.now() > end)
			throw new Error(`never ${state}: ${JSON.stringify(instance)}`);
		await delay(50);
	}
}

/** @param certificate without it, the server takes no TLS. */
async function serverUses(certificate?: TestCertificate) {
	await admin.query(`ALTER SYSTEM SET ssl = ${certificate ? "on" : "off"}`);
	if (certificate) {
		const { certificate: file, key } = certificate;
		await admin.query(`ALTER SYSTEM SET ssl_cert_file = '${file}'`);
		await admin.query(`ALTER SYSTEM SET ssl_key_file = '${key}'`);
	}
	await admin.query("SELECT pg_reload_conf()");
	await delay(300); // Signals tell nobody when they have been heard.
}

const tried = (externalHost: object | null, more: object = {}) =>
	done("instanceTestConnection", {
		...{ id, externalHost, databasePassword: password, ...more },
	});

const outcome = async (externalHost: object) => {
	const { works, usesTls, text } = await tried(externalHost);
	return works ? usesTls : text;
};

test.serial("TLS is used as each mode says, where there is TLS", async (t) => {
	await serverUses(ours);
	const trusts = /of nobody whom we trust/;
	for (const [host, expected] of [
		[{ tlsMode: "disable" }, false],
		[{ tlsMode: "prefer" }, true],
		[{}, true],
		[{ tlsMode: "require" }, true],
		[{ tlsMode: "require", ca }, true],
		[{ tlsMode: "require", ca: others.pem }, trusts],
		[{ tlsMode: "verify-ca" }, trusts],
		[{ tlsMode: "verify-ca", ca }, true],
		[{ tlsMode: "verify-full" }, trusts],
		[{ tlsMode: "verify-full", ca }, true],
		[{ tlsMode: "verify-full", ca, address: `127.0.0.1:${port}` }, true],
	] as const) {
		const found = await outcome({ address, ...host });
		if (expected instanceof RegExp) t.regex(String(found), expected);
		else t.is(found, expected, JSON.stringify(host));
	}
});

test.serial("a certificate for another name is for verify-ca", async (t) => {
	await serverUses(others);
	t.is(await outcome({ address, tlsMode: "verify-ca", ca }), true);
	for (const host of [address, `127.0.0.1:${port}`])
		t.regex(
			String(await outcome({ address: host, tlsMode: "verify-full", ca })),
			/is not for (localhost|127\.0\.0\.1)/,
		);
});

test.serial("without TLS only two modes work", async (t) => {
	await serverUses();
	for (const tlsMode of ["disable", "prefer"])
		t.is(await outcome({ address, tlsMode }), false);
	for (const tlsMode of ["require", "verify-ca", "verify-full"])
		t.regex(
			String(await outcome({ address, tlsMode, ca })),
			/takes no TLS/,
			tlsMode,
		);
});

test.serial("what is wrong is said in words", async (t) => {
	const fine = await tried({ address });
	t.true(fine.works);
	t.regex(fine.text, /^It works: PostgreSQL \d+\.\d+.*, without TLS$/);
	const words = async (host: object, more?: object) =>
		(await tried(host, more)).text;
	t.regex(await words({ address: "nothing.invalid" }), /is not found/);
	t.regex(
		await words({ address: `127.0.0.1:${await freePort()}` }),
		/refuses connections/,
	);
	t.regex(
		await words({ address }, { databasePassword: "wrong" }),
		/with this password/,
	);
	t.regex(
		await words({ address }, { databaseName: "missing" }),
		/no database missing/,
	);
	t.true((await done("instanceTestConnection", { id })).works, "as it is");
});

async function hostile(talk: (socket: Socket) => void): Promise<Server> {
	const server = createServer((socket) => {
		socket.on("error", () => {});
		talk(socket);
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	return server;
}

const loginOk = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
const ready = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const hostileServers: Record<string, (socket: Socket) => void> = {
	"says nonsense": (socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
	"hangs up": (socket) => socket.end(),
	"takes TLS and says nonsense": (socket) =>
		socket.once("data", () => {
			socket.write("S");
			socket.once("data", () => socket.write(randomBytes(1000)));
		}),
	"puts something behind its answer": (socket) =>
		socket.once("data", () => socket.write("Nsomething")),
	"talks for ever": (socket) => {
		const more = () => void (socket.write(Buffer.alloc(65_536, "R")) && more());
		socket.on("drain", more);
		more();
	},
	"sends messages that are cut off": (socket) =>
		socket.on("data", () => {
			const cut = ["R", "E", "S", "K", "T", "D", "C", "Z"].map((type) =>
				Buffer.concat([Buffer.from(type), Buffer.from([0, 0, 0, 4])]),
			);
			socket.write(Buffer.concat([loginOk, ...cut]));
		}),
	"answers with other rows": (socket) =>
		socket.on("data", (data) => {
			if (data[0] === 0x51) socket.write(Buffer.from("D\0\0\0\x0a\0\x01\x7f"));
			else socket.write(Buffer.concat([loginOk, ready]));
		}),
	"wants endless work for a password": (socket) =>
		socket.on("data", (data) => {
			if (data[0] !== 0x70)
				socket.write("R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", "latin1");
			else {
				const nonce = /r=([^,]+)/.exec(String(data))?.[1];
				const text = `r=${nonce}x,s=AAAA,i=2000000000`;
				const head = Buffer.from([0x52, 0, 0, 0, 8 + text.length, 0, 0, 0, 11]);
				socket.write(Buffer.concat([head, Buffer.from(text)]));
			}
		}),
};

for (const [what, talk] of Object.entries(hostileServers))
	test.serial(`a hostile server ${what}`, async (t) => {
		t.timeout(60_000);
		for (const [kind, tlsMode] of [
			["postgresql", what.includes("TLS") ? "require" : "disable"],
			["mysql", "prefer"],
		]) {
			const server = await hostile(talk);
			const at = server.address();
			const its = typeof at === "object" ? at?.port : 0;
			const asked = tried({ address: `127.0.0.1:${its}`, kind, tlsMode });
			await delay(100);
			t.is((await manager.get("/manager/api/health")).status, 200);
			const { works, text } = await asked;
			t.false(works);
			t.regex(text, /server that we understand|in time|TLS|password/);
			server.close();
		}
		t.true((await tried({ address })).works);
	});

test.serial("one that says nothing is given up", async (t) => {
	t.timeout(60_000);
	const server = await hostile(() => {});
	const at = server.address();
	const its = typeof at === "object" ? at?.port : 0;
	const { text } = await tried({ address: `127.0.0.1:${its}` });
	t.regex(text, /did not answer in time/);
	server.close();
});

const ownConnections = async () =>
	(
		await admin.query(
			`SELECT ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
			 WHERE usename = 'dbuser'`,
		)
	).rows;

test.serial("an app runs with each mode, and comes back", async (t) => {
	t.timeout(120_000);
	await serverUses(ours);
	for (const tlsMode of ["disable", "prefer", "require", "verify-ca"]) {
		await done("instanceEdit", {
			id,
			databasePassword: password,
			externalHost: { address, tlsMode, ...(tlsMode !== "prefer" && { ca }) },
		});
		const { externalHost } = await becomes("running");
		t.is(externalHost.address, address);
		const connections = await ownConnections();
		t.true(connections.length > 0);
		t.true(connections.every(({ ssl }) => ssl === (tlsMode !== "disable")));
	}
	const client = new Client({
		...{ host: external.host, port, user: external.user, database: "dbname" },
	});
	await client.connect();
	t.is((await client.query("SELECT FROM note")).rowCount, 0, "its table");
	await client.end();

	await serverUses(others);
	await done("instanceEdit", {
		id,
		externalHost: { address, tlsMode: "verify-full", ca },
	});
	const { text } = await becomes("failed");
	t.regex(text, /altnames|does not match/);
	await serverUses(ours);
	await becomes("running");

	const refused = await manager.call(
		"instanceCleanUpDatabase",
		{ id },
		{ cookie },
	);
	t.regex(refused.body.error.message, /on another host/);
	await done("instanceEdit", { id, externalHost: null });
	t.is((await becomes("running")).externalHost, undefined);
	t.false(JSON.stringify(manager.lines).includes(password));
});

test.serial("an app for PostgreSQL says that MySQL is none", async (t) => {
	await done("instanceEdit", {
		id,
		externalHost: { address, kind: "mysql" },
	});
	const { text } = await becomes("failed");
	t.regex(text, /needs PostgreSQL, and its database is MySQL/);
	await done("instanceEdit", { id, externalHost: null });
	await becomes("running");
});
