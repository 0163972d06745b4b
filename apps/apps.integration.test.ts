import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { Client } from "pg";
import { WebSocket } from "ws";
import { appDirectoriesIn, makeStore } from "../development/make-store.ts";
import { TestAppliance, until } from "../testing/test-appliance.ts";

// From an app store to instances that people use, as an administrator does it.
const appliance = await TestAppliance.create();
const { manager, webServer } = appliance;
const call = appliance.call.bind(appliance);
const done = appliance.done.bind(appliance);
const get = appliance.fetch.bind(appliance);
const waitForStatus = appliance.waitForStatus.bind(appliance);
const store = join(manager.directory, "store");
const notes = "app-platform_notes";

test.before(async () => {
	await makeStore(await appDirectoriesIn(import.meta.dirname), store);
	await appliance.start();
});
test.after.always(() => appliance.remove());

async function open(path: string) {
	const url = `wss://127.0.0.1:${webServer.port}${path}`;
	const socket = new WebSocket(url, { rejectUnauthorized: false });
	const [data] = await once(socket, "message");
	return { socket, text: String(data) };
}

async function instancesByName() {
	const { instances } = await done("instances");
	return new Map<string, { id: number; state: string }>(
		instances.map((one: { name: string; domain: string; id: number }) => [
			`${one.name}@${one.domain}`,
			one,
		]),
	);
}

test.serial("without a store, the error says what to do", async (t) => {
	const { status, body } = await call("storeApps");
	t.is(status, 409);
	t.regex(body.error.message, /enter its address/);
});

test.serial("installs a service from a store and runs it", async (t) => {
	await done("storeUrlChange", { url: store });
	const { apps } = await done("storeApps");
	t.true(apps.some(({ id }: { id: string }) => id === notes));
	await done("serviceInstall", { id: notes });
	await until("the service runs", async () =>
		(await done("services")).services.some(
			({ id, state }: { id: string; state: string }) =>
				id === notes && state === "running",
		),
	);
	t.pass();
});

test.serial("instances of two domains answer independently", async (t) => {
	for (const domain of ["example.com", "example.org"]) {
		const { path } = await done("instanceCreate", {
			serviceId: notes,
			name: "notes",
			domain,
		});
		t.is(path, `/${domain}/notes/`);
		await waitForStatus(path);
		t.regex((await get(path)).text, /<title>Notes<\/title>/);
	}
	const slashless = await get("/example.com/notes");
	t.is(slashless.status, 308);
	t.is(slashless.headers.location, "/example.com/notes/");
	t.is((await get("/Example.com/notes/")).status, 404);
	t.is((await get("/manager/")).status, 302);
});

test.serial(
	"two browsers see each other's edits, another instance does not",
	async (t) => {
		const one = await open("/example.com/notes/");
		const two = await open("/example.com/notes/");
		t.is(one.text, "");
		one.socket.send("bread and milk");
		const [seen] = await once(two.socket, "message");
		t.is(String(seen), "bread and milk");
		const other = await open("/example.org/notes/");
		t.is(other.text, "");
		for (const { socket } of [one, two, other]) socket.terminate();
	},
);

test.serial(
	"a service's log contains the traces of its instances",
	async (t) => {
		const { text } = await done("serviceLog", { id: notes });
		t.regex(text, /notes@example\.com: somebody has opened the notes/);
		const id = (await instancesByName()).get("notes@example.com")?.id;
		await done("instanceLogFlags", { id, logFlags: 0x8000 });
		(await open("/example.com/notes/")).socket.terminate();
		t.is((await done("serviceLog", { id: notes })).text, text);
		await done("instanceLogFlags", { id, logFlags: 0x8001 });
		(await open("/example.com/notes/")).socket.terminate();
		t.not((await done("serviceLog", { id: notes })).text, text);
	},
);

test.serial(
	"names that are in use or not allowed are refused with a reason",
	async (t) => {
		const create = (input: object) =>
			call("instanceCreate", {
				serviceId: notes,
				name: "notes",
				domain: "example.net",
				...input,
			});
		for (const [input, reason] of [
			[{ domain: "example.com" }, /path .* in use/],
			[{ databaseName: "example.com_notes" }, /database .* in use/],
			[{ databaseUser: "example.com_notes" }, /user .* in use/],
			[{ domain: "manager" }, /reserved for the manager/],
			[{ name: "../x" }, /letters/],
			[{ domain: "x".repeat(60) }, /63 bytes/],
			[{ databaseName: "postgres" }, /of the system/],
			[{ serviceId: "nobody" }, /not installed/],
		] as const) {
			const { status, body } = await create(input);
			t.true(status >= 400 && status < 500, JSON.stringify(input));
			t.regex(body.error.message, reason);
		}
		t.is((await instancesByName()).size, 2);
	},
);

test.serial("a database may have any legal name", async (t) => {
	const databaseName = `it's "our" $db; DROP TABLE`;
	const { id } = await done("instanceCreate", {
		serviceId: notes,
		name: "odd",
		domain: "example.com",
		databaseName,
		databaseUser: "o\"d'd",
	});
	await waitForStatus("/example.com/odd/");
	const { socket, text } = await open("/example.com/odd/");
	t.is(text, "");
	socket.terminate();
	t.is((await call("instanceDelete", { id, name: "other" })).status, 400);
	await done("instanceDelete", { id, name: "odd" });
	await waitForStatus("/example.com/odd/", 404);
	const client = new Client({
		host: manager.cluster.host,
		user: manager.cluster.user,
		database: "postgres",
	});
	await client.connect();
	const { rows } = await client.query(
		"SELECT datname FROM pg_database WHERE datname LIKE '%our%' UNION SELECT rolname FROM pg_roles WHERE rolname LIKE 'o\"d%'",
	);
	await client.end();
	t.deepEqual(rows, []);
});

test.serial("a stopped instance is not found, and starts again", async (t) => {
	const id = (await instancesByName()).get("notes@example.org")?.id;
	await done("instanceStop", { id });
	await waitForStatus("/example.org/notes/", 404);
	t.is((await get("/example.com/notes/")).status, 200);
	await done("instanceStart", { id });
	await waitForStatus("/example.org/notes/");
	t.is((await open("/example.com/notes/")).text, "bread and milk");
});

test.serial("a killed service restarts with its data", async (t) => {
	const before = await done("services");
	execFileSync("pkill", [
		...["-KILL", "-f", join(manager.directory, "data/apps/notes/notes")],
	]);
	await until("the crash is counted", async () => {
		const { services } = await done("services");
		return services[0].crashes > before.services[0].crashes;
	});
	await waitForStatus("/example.com/notes/");
	t.is((await open("/example.com/notes/")).text, "bread and milk");
});

test.serial("instances start when PostgreSQL is back", async (t) => {
	await manager.cluster.kill();
	execFileSync("pkill", [
		...["-KILL", "-f", join(manager.directory, "data/apps/notes/notes")],
	]);
	await manager.logged("cannot start instances; retrying");
	await manager.cluster.start();
	await waitForStatus("/example.com/notes/");
	t.is((await open("/example.com/notes/")).text, "bread and milk");
});

test.serial(
	"a client whose edit cannot be saved is disconnected",
	async (t) => {
		const { socket } = await open("/example.com/notes/");
		await manager.cluster.kill();
		socket.send("beer");
		const [code] = await once(socket, "close");
		t.is(code, 1011);
		await manager.cluster.start();
		t.is((await open("/example.com/notes/")).text, "bread and milk");
	},
);

test.serial("a killed HAProxy gets all paths again", async (t) => {
	await webServer.kill();
	await webServer.start();
	await waitForStatus("/example.com/notes/");
	await waitForStatus("/example.org/notes/");
	t.is((await open("/example.com/notes/")).text, "bread and milk");
});

test.serial("a killed manager starts all services again", async (t) => {
	await manager.stop("SIGKILL");
	await appliance.startManager("the service runs");
	await waitForStatus("/example.com/notes/");
	t.is((await open("/example.com/notes/")).text, "bread and milk");
});

test.serial("a lost program is restored from the database", async (t) => {
	await manager.stop();
	const program = join(manager.directory, "data/apps/notes/notes");
	const content = await readFile(program);
	await rm(program);
	await appliance.startManager("the service runs");
	t.deepEqual(await readFile(program), content);
	await waitForStatus("/example.com/notes/");
});

test.serial(
	"a damaged file in the store is refused, the service keeps running",
	async (t) => {
		const file = join(store, "10001", "x86_64", "notes", "notes");
		const content = await readFile(file);
		await writeFile(file, `${content}//`);
		const { status, body } = await call("serviceInstall", { id: notes });
		t.is(status, 502);
		t.regex(body.error.message, /checksum/);
		t.is((await get("/example.com/notes/")).status, 200);
	},
);

test.serial("a service with instances cannot be uninstalled", async (t) => {
	const refused = await call("serviceRemove", { id: notes });
	t.is(refused.status, 409);
	t.regex(refused.body.error.message, /still has 2 instances/);
	for (const [key, { id }] of await instancesByName())
		await done("instanceDelete", { id, name: key.split("@")[0] });
	await done("serviceRemove", { id: notes });
	t.deepEqual((await done("services")).services, []);
});
