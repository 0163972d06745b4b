import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
	type AddressInfo,
	createServer,
	type Server,
	type Socket,
} from "node:net";
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

// The external host is another PostgreSQL reached over the network, with and without TLS.
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
	await waitForState("running");
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

async function waitForState(state: string) {
	const end = performance.now() + 20_000;
	for (;;) {
		const [instance] = (await done("instances")).instances;
		if (instance.state === state) return instance;
		if (performance.now() > end)
			throw new Error(`never ${state}: ${JSON.stringify(instance)}`);
		await delay(50);
	}
}

/** @param certificate without it, the server does not support TLS. */
async function configureServer(certificate?: TestCertificate) {
	await admin.query(`ALTER SYSTEM SET ssl = ${certificate ? "on" : "off"}`);
	if (certificate) {
		const { certificate: file, key } = certificate;
		await admin.query(`ALTER SYSTEM SET ssl_cert_file = '${file}'`);
		await admin.query(`ALTER SYSTEM SET ssl_key_file = '${key}'`);
	}
	await admin.query("SELECT pg_reload_conf()");
	await delay(300); // PostgreSQL does not report when it has reloaded.
}

const testConnection = (externalHost: object | null, more: object = {}) =>
	done("instanceTestConnection", {
		...{ id, externalHost, databasePassword: password, ...more },
	});

const outcome = async (externalHost: object) => {
	const { works, usesTls, text } = await testConnection(externalHost);
	return works ? usesTls : text;
};

test.serial("each mode uses TLS as documented", async (t) => {
	await configureServer(ours);
	const notTrusted = /is not trusted/;
	for (const [host, expected] of [
		[{ tlsMode: "disable" }, false],
		[{ tlsMode: "prefer" }, true],
		[{}, true],
		[{ tlsMode: "require" }, true],
		[{ tlsMode: "require", ca }, true],
		[{ tlsMode: "require", ca: others.pem }, notTrusted],
		[{ tlsMode: "verify-ca" }, notTrusted],
		[{ tlsMode: "verify-ca", ca }, true],
		[{ tlsMode: "verify-full" }, notTrusted],
		[{ tlsMode: "verify-full", ca }, true],
		[{ tlsMode: "verify-full", ca, address: `127.0.0.1:${port}` }, true],
	] as const) {
		const found = await outcome({ address, ...host });
		if (expected instanceof RegExp) t.regex(String(found), expected);
		else t.is(found, expected, JSON.stringify(host));
	}
});

test.serial(
	"only verify-full checks the name in the certificate",
	async (t) => {
		await configureServer(others);
		t.is(await outcome({ address, tlsMode: "verify-ca", ca }), true);
		for (const host of [address, `127.0.0.1:${port}`])
			t.regex(
				String(await outcome({ address: host, tlsMode: "verify-full", ca })),
				/is not for (localhost|127\.0\.0\.1)/,
			);
	},
);

test.serial("without TLS only two modes work", async (t) => {
	await configureServer();
	for (const tlsMode of ["disable", "prefer"])
		t.is(await outcome({ address, tlsMode }), false);
	for (const tlsMode of ["require", "verify-ca", "verify-full"])
		t.regex(
			String(await outcome({ address, tlsMode, ca })),
			/does not support TLS/,
			tlsMode,
		);
});

test.serial("a failed test names the reason", async (t) => {
	const fine = await testConnection({ address });
	t.true(fine.works);
	t.regex(fine.text, /^It works: PostgreSQL \d+\.\d+.*, without TLS$/);
	const reason = async (host: object, more?: object) =>
		(await testConnection(host, more)).text;
	t.regex(await reason({ address: "nothing.invalid" }), /is not found/);
	t.regex(
		await reason({ address: `127.0.0.1:${await freePort()}` }),
		/refuses connections/,
	);
	t.regex(
		await reason({ address }, { databasePassword: "wrong" }),
		/with this password/,
	);
	t.regex(
		await reason({ address }, { databaseName: "missing" }),
		/no database missing/,
	);
	t.true((await done("instanceTestConnection", { id })).works, "unchanged");
});

test.serial("a stored password is sent to no other server", async (t) => {
	await done("instanceEdit", {
		id,
		databasePassword: password,
		externalHost: { address, tlsMode: "require" },
	});
	const seen: string[] = [];
	const server = await hostile((socket) =>
		socket.on("data", (data) => {
			seen.push(data.toString("latin1"));
			socket.end();
		}),
	);
	const other = `127.0.0.1:${(server.address() as AddressInfo).port}`;
	for (const operation of ["instanceTestConnection", "instanceEdit"])
		for (const externalHost of [
			{ address: other, tlsMode: "disable" },
			{ address, tlsMode: "disable" },
			{ address, tlsMode: "prefer" },
			{ address, tlsMode: "require", kind: "mysql" },
		]) {
			const answer = await manager.call(
				operation,
				{ id, externalHost },
				{ cookie },
			);
			t.is(answer.status, 400, JSON.stringify(externalHost));
			t.is(answer.body.error.code, "passwordNeeded");
		}
	t.deepEqual(seen, []);
	t.is((await testConnection({ address: other })).works, false);
	t.true(seen.length > 0, "with a password it is sent");
	await done("instanceEdit", { id, externalHost: null });
	server.close();
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
	"sends nonsense": (socket) =>
		socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
	"hangs up": (socket) => socket.end(),
	"accepts TLS and sends nonsense": (socket) =>
		socket.once("data", () => {
			socket.write("S");
			socket.once("data", () => socket.write(randomBytes(1000)));
		}),
	"appends data to its answer": (socket) =>
		socket.once("data", () => socket.write("Nsomething")),
	"sends endless data": (socket) => {
		const more = () => void (socket.write(Buffer.alloc(65_536, "R")) && more());
		socket.on("drain", more);
		more();
	},
	"sends truncated messages": (socket) =>
		socket.on("data", () => {
			const truncated = ["R", "E", "S", "K", "T", "D", "C", "Z"].map((type) =>
				Buffer.concat([Buffer.from(type), Buffer.from([0, 0, 0, 4])]),
			);
			socket.write(Buffer.concat([loginOk, ...truncated]));
		}),
	"answers with unexpected rows": (socket) =>
		socket.on("data", (data) => {
			if (data[0] === 0x51) socket.write(Buffer.from("D\0\0\0\x0a\0\x01\x7f"));
			else socket.write(Buffer.concat([loginOk, ready]));
		}),
	"requests endless password hashing": (socket) =>
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
			const asked = testConnection({
				address: `127.0.0.1:${its}`,
				kind,
				tlsMode,
			});
			await delay(100);
			t.is((await manager.get("/manager/api/health")).status, 200);
			const { works, text } = await asked;
			t.false(works);
			t.regex(text, /supported (MySQL|PostgreSQL) server|in time|TLS|password/);
			server.close();
		}
		t.true((await testConnection({ address })).works);
	});

test.serial("a silent server causes a timeout", async (t) => {
	t.timeout(60_000);
	const server = await hostile(() => {});
	const at = server.address();
	const its = typeof at === "object" ? at?.port : 0;
	const { text } = await testConnection({ address: `127.0.0.1:${its}` });
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

test.serial(
	"an app runs with each mode and returns to the local database",
	async (t) => {
		t.timeout(120_000);
		await configureServer(ours);
		for (const tlsMode of ["disable", "prefer", "require", "verify-ca"]) {
			await done("instanceEdit", {
				id,
				databasePassword: password,
				externalHost: { address, tlsMode, ...(tlsMode !== "prefer" && { ca }) },
			});
			const { externalHost } = await waitForState("running");
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

		await configureServer(others);
		await done("instanceEdit", {
			id,
			externalHost: { address, tlsMode: "verify-full", ca },
		});
		const { text } = await waitForState("failed");
		t.regex(text, /altnames|does not match/);
		await configureServer(ours);
		await waitForState("running");

		const refused = await manager.call(
			"instanceCleanUpDatabase",
			{ id },
			{ cookie },
		);
		t.regex(refused.body.error.message, /on another host/);
		await done("instanceEdit", { id, externalHost: null });
		t.is((await waitForState("running")).externalHost, undefined);
		t.false(JSON.stringify(manager.lines).includes(password));
	},
);

test.serial("an app for PostgreSQL refuses MySQL", async (t) => {
	await done("instanceEdit", {
		id,
		databasePassword: password,
		externalHost: { address, kind: "mysql" },
	});
	const { text } = await waitForState("failed");
	t.regex(text, /needs PostgreSQL, but its database is MySQL/);
	await done("instanceEdit", { id, externalHost: null });
	await waitForState("running");
});
