import { copyFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { Client, type DatabaseError } from "pg";
import { until } from "../../../testing/test-appliance.ts";
import { TestManager } from "../../../testing/test-manager.ts";
import {
	archiveOf,
	TestKey,
	updateMembers,
} from "../../../testing/test-update.ts";

// A database that grows too large becomes read-only, and is closed to an app that writes nevertheless.
const manager = await TestManager.create();
const { cluster } = manager;
const here = (name: string) => join(manager.directory, name);
const key = await TestKey.create();
const ids = { greedy: 0, modest: 0 };
type Name = keyof typeof ids;
const passwords = { greedy: "", modest: "" };
let cookie = "";
/** Before the database is closed. */
let rowsBefore = 0;

const call = (operation: string, input: object = {}) =>
	manager.call(operation, input, { cookie });

/** On a system that an update has installed for good. */
async function start(): Promise<void> {
	await manager.start("the database is ready", {
		MANAGER_BOOT_PARTITION_COMMAND: here("boot-partition"),
		MANAGER_RESTART_COMMAND: "true",
		MANAGER_KEYS_FOLDER: key.trusted,
	});
	cookie = await manager.logIn();
}

/** Connects as an instance's app does. */
async function app(name: Name): Promise<Client> {
	const client = new Client({
		host: cluster.host,
		...{ user: `example.com_${name}`, database: `example.com_${name}` },
		password: passwords[name],
	});
	client.on("error", () => {}); // The manager ends its session.
	await client.connect();
	return client;
}

/** Runs a statement in a session of its own. */
async function run(name: Name, statement: string) {
	const client = await app(name);
	try {
		return await client.query(statement);
	} finally {
		await client.end();
	}
}

const fill = (megabytes: number) =>
	`INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, ${megabytes * 900})`;
const count = async () =>
	(await run("greedy", "SELECT count(*)::int FROM filler")).rows[0].count;
const sizeMegabytes = async (name: Name) => {
	const [row] = await manager.query(
		`SELECT pg_database_size('example.com_${name}')::float8 / 1000000 AS size`,
	);
	return row.size as number;
};
const limitAlarms = async () =>
	(await call("alarms")).body.alarms.filter(({ text }: { text: string }) =>
		/^The database/.test(text),
	);

/** Setting the limit checks the sizes at once. */
async function setLimit(megabytes: number | null): Promise<void> {
	const { status } = await call("databaseLimitChange", { megabytes });
	if (status !== 200) throw new Error(`The limit ${megabytes} is refused`);
}

async function becomes(access: string): Promise<void> {
	await until(`the database is ${access}`, async () => {
		const rows = await manager.query("SELECT access FROM database_limit");
		const [alarm] = await limitAlarms();
		return access === "full"
			? rows.length === 0
			: rows[0]?.access === access && alarm?.severity === "critical";
	});
}

const readOnly = "25006";
const wrongPassword = "28P01";

/** What the SQLSTATE of a statement of the app is. */
const codeOf = (statement: string) =>
	run("greedy", statement).then(
		() => "",
		(error: DatabaseError) => error.code ?? String(error),
	);

async function cleanedUp(name: Name) {
	await call("instanceCleanUpDatabase", { id: ids[name] });
	let cleanUp: { state: string; text?: string } | undefined;
	await until("the clean-up is over", async () => {
		const { instances } = (await call("instances")).body;
		cleanUp = instances.find(
			({ id }: { id: number }) => id === ids[name],
		).cleanUp;
		return cleanUp !== undefined && cleanUp.state !== "running";
	});
	return cleanUp?.state;
}

test.before(async () => {
	await copyFile(
		join(import.meta.dirname, "../../device/update/boot-partition.fixture.sh"),
		here("boot-partition"),
	);
	await writeFile(
		here("release"),
		"VERSION=1.2.0\nBUILD=100000\nTARGET=x86_64\n",
	);
	await start();
	await manager.query(
		`INSERT INTO service (id, uid, folder, binary_name, title, build, label)
		 VALUES ('x', 2000, 'x', 'x', 'x', '1', '1')`,
	);
	for (const name of ["greedy", "modest"] as const) {
		const input = { serviceId: "x", name, domain: "example.com" };
		ids[name] = (await call("instanceCreate", input)).body.id;
		passwords[name] = (
			await call("instanceCredentials", { id: ids[name] })
		).body.databasePassword;
		await run(name, "CREATE TABLE filler (text text)");
	}
});
test.after.always(() => manager.remove());

test.serial("an alarm announces the limit", async (t) => {
	await run("greedy", fill(20));
	await setLimit(Math.ceil((await sizeMegabytes("greedy")) * 1.1));
	await until("the alarm is active", async () => (await limitAlarms())[0]);
	t.like(await limitAlarms(), [
		{ severity: "major", service: "x", instance: "greedy@example.com" },
	]);
	t.is(await codeOf(fill(0)), "");
});

test.serial(
	"at the limit, the database is read-only for all sessions",
	async (t) => {
		const session = await app("greedy");
		const ended = new Promise((resolve) => session.once("end", resolve));
		await run("greedy", fill(5));
		const rows = await count();
		await setLimit(Math.floor(await sizeMegabytes("greedy")));
		await becomes("readOnly");
		await ended;
		t.is(await codeOf(fill(1)), readOnly);
		t.is(await count(), rows);
		t.is((await limitAlarms()).length, 1);
		await run("modest", "INSERT INTO filler VALUES ('x')");
	},
);

test.serial("what the app sets for itself does not help", async (t) => {
	await run(
		"greedy",
		`SET transaction_read_only = off;
		 ALTER ROLE "example.com_greedy" SET default_transaction_read_only = off;
		 ALTER DATABASE "example.com_greedy" SET default_transaction_read_only = off`,
	);
	t.is(await codeOf(fill(1)), readOnly);
});

test.serial("deleted data and a clean-up make it writable", async (t) => {
	await run(
		"greedy",
		`BEGIN READ WRITE;
		 DELETE FROM filler WHERE ctid IN (SELECT ctid FROM filler LIMIT 4000);
		 COMMIT`,
	);
	const before = await sizeMegabytes("greedy");
	t.is(await cleanedUp("greedy"), "done");
	t.true((await sizeMegabytes("greedy")) < before);
	await setLimit(Math.floor(before));
	await becomes("full");
	t.is(await codeOf(fill(1)), "");
});

test.serial("an app that writes nevertheless is disconnected", async (t) => {
	const limit = Math.floor(await sizeMegabytes("greedy"));
	await setLimit(limit);
	await becomes("readOnly");
	const session = await app("greedy");
	await session.query("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE");
	await session.query(fill(1));
	rowsBefore = await count();
	await setLimit(limit);
	t.is(await codeOf("SELECT 1"), "", "a little more is tolerated");
	const ended = new Promise((resolve) => session.once("end", resolve));
	await session.query(fill(6));
	await setLimit(limit);
	await becomes("closed");
	await ended;
	t.is(await codeOf("SELECT 1"), wrongPassword);
	await run("modest", "INSERT INTO filler VALUES ('x')");
});

test.serial(
	"clean-up and optimization work in a closed database",
	async (t) => {
		t.is(await cleanedUp("greedy"), "done");
		await call("databaseOptimize");
		await manager.logged("the databases were optimized");
		t.deepEqual((await call("databaseOptimization")).body.last.failed, []);
	},
);

test.serial("a closed database stays closed for who changes it", async (t) => {
	await manager.stop();
	await start();
	await until(
		"the limit is checked",
		async () => (await cleanedUp("greedy")) === "done",
	);
	t.is(await codeOf("SELECT 1"), wrongPassword);
	const { megabytes } = (await call("databaseLimit")).body;
	const input = { id: ids.greedy, databasePassword: "another" };
	t.is((await call("instanceEdit", input)).status, 200);
	passwords.greedy = "another";
	await setLimit(megabytes);
	await until(
		"it is closed again",
		async () => (await codeOf("SELECT 1")) === wrongPassword,
	);
	t.is((await limitAlarms())[0].severity, "critical");
});

test.serial(
	"an older system that is installed on request gets open databases",
	async (t) => {
		const older = await updateMembers(key, { build: 99_999 });
		const { status } = await manager.post(
			"update-file?offset=0",
			await archiveOf(older),
			{ cookie, headers: { "content-type": "application/octet-stream" } },
		);
		t.is(status, 200);
		await writeFile(here("broken"), "");
		t.not((await call("updateInstall", { allowOlder: true })).status, 200);
		await becomes("readOnly");
		t.is(await codeOf(fill(0)), readOnly);
		await rm(here("broken"));
		t.is((await call("updateInstall", { allowOlder: true })).status, 200);
		const { megabytes } = (await call("databaseLimit")).body;
		await setLimit(megabytes);
		t.is(await codeOf(fill(0)), "");
		t.deepEqual(await manager.query("SELECT * FROM database_limit"), []);
		await manager.stop();
		await start();
		await setLimit(megabytes);
		t.is(await codeOf(fill(0)), "", "the older system is still to come");
		t.is((await call("updateCancel")).status, 200);
		await becomes("readOnly");
	},
);

test.serial("a higher limit opens it", async (t) => {
	await setLimit(null);
	await becomes("full");
	t.true((await count()) > rowsBefore, "nothing is deleted");
	t.is(await codeOf(fill(1)), "");
	t.deepEqual(await limitAlarms(), []);
});

test.serial(
	"an instance whose database is closed can be deleted",
	async (t) => {
		await setLimit(16);
		await becomes("readOnly");
		await run("greedy", `BEGIN READ WRITE; ${fill(4)}; COMMIT`);
		await setLimit(16);
		await becomes("closed");
		const input = { id: ids.greedy, name: "greedy" };
		t.is((await call("instanceDelete", input)).status, 200);
		t.deepEqual(await manager.query("SELECT * FROM database_limit"), []);
		await setLimit(16);
		await until(
			"the alarm is cleared",
			async () => (await limitAlarms()).length === 0,
		);
		t.pass();
	},
);

test.serial("an update records how large databases are", async (t) => {
	await manager.stop();
	await manager.query("DROP TABLE database_limit");
	await manager.query("DELETE FROM migration WHERE name LIKE '%limits'");
	await start();
	const [config] = await manager.query(
		"SELECT value FROM config WHERE name = 'databaseSizeBeforeLimit'",
	);
	t.true(Math.abs(config.value / 1e6 - (await sizeMegabytes("modest"))) < 1);
});
