import { join } from "node:path";
import {
	setTimeout as delay,
	setImmediate as nextTick,
} from "node:timers/promises";
import test from "ava";
import { Client } from "pg";
import { TestAppliance } from "../../../testing/test-appliance.ts";

// An instance is changed completely or not at all, even if the manager is killed meanwhile.
const appliance = await TestAppliance.withApp(
	join(import.meta.dirname, "../../../apps/notes"),
);
const { manager } = appliance;
const restart = () => appliance.startManager();
const serviceId = "app-platform_notes";
const names = {
	old: {
		name: "x",
		domain: "example.com",
		databaseName: `it's "old" $1`,
		databaseUser: `o"l'd`,
	},
	new: {
		name: "y",
		domain: "example.org",
		databaseName: `"new"; DROP TABLE`,
		databaseUser: "ü".repeat(31),
	},
};
let id = 0;

const connect = async (
	database: string,
	login: { user: string; password?: string } = manager.cluster,
) => {
	const client = new Client({
		host: manager.cluster.host,
		user: login.user,
		password: login.password,
		database,
	});
	client.on("error", () => {}); // A test terminates the connection.
	await client.connect();
	return client;
};
const client = await connect("postgres");

test.before(async () => {
	({ id } = await done("instanceCreate", { serviceId, ...names.old }));
	await waitForState("running");
});
test.after.always(async () => {
	await client.end();
	await appliance.remove();
});

const call = appliance.call.bind(appliance);
const done = appliance.done.bind(appliance);

const edit = (changes: object) => call("instanceEdit", { id, ...changes });

async function instance() {
	const { instances } = await done("instances");
	return instances.find((one: { id: number }) => one.id === id);
}

async function waitForState(state: string) {
	const end = performance.now() + 20_000;
	while ((await instance()).state !== state) {
		if (performance.now() > end)
			throw new Error(`never ${state}: ${JSON.stringify(await instance())}`);
		await delay(50);
	}
}

/** @returns which set of names row, database and user have, or "mixed". */
async function currentNames(): Promise<string> {
	const { rows } = await client.query(
		"SELECT datname AS name FROM pg_database UNION SELECT rolname FROM pg_roles",
	);
	const found = rows.map((row) => row.name);
	const { name, domain, databaseName, databaseUser } = await instance();
	for (const [which, its] of Object.entries(names)) {
		const isRow =
			name === its.name &&
			domain === its.domain &&
			databaseName === its.databaseName &&
			databaseUser === its.databaseUser;
		const other = which === "old" ? names.new : names.old;
		const isDatabase =
			found.includes(its.databaseName) &&
			found.includes(its.databaseUser) &&
			!found.includes(other.databaseName) &&
			!found.includes(other.databaseUser);
		if (isRow && isDatabase) return which;
	}
	return "mixed";
}

/** Returns the password of the instance's user as stored by PostgreSQL. */
async function verifier(): Promise<string> {
	const { databaseUser } = await instance();
	const { rows } = await client.query(
		"SELECT rolpassword FROM pg_authid WHERE rolname = $1",
		[databaseUser],
	);
	return rows[0].rolpassword;
}

test.serial("names are changed although a client is connected", async (t) => {
	const { databaseName: database, databaseUser: user } = names.old;
	const { databasePassword } = await done("instanceCredentials", { id });
	const guest = await connect(database, { user, password: databasePassword });
	await guest.query("CREATE TABLE kept AS SELECT 1 AS one");
	const { status, body } = await edit(names.new);
	t.is(status, 200, JSON.stringify(body));
	t.is(body.path, "/example.org/y/");
	t.is(await currentNames(), "new");
	await waitForState("running");
	await t.throwsAsync(guest.query("SELECT 1"));
	const owner = await connect(names.new.databaseName);
	t.deepEqual((await owner.query("SELECT one FROM kept")).rows, [{ one: 1 }]);
	await owner.end();
	t.is((await edit(names.old)).status, 200);
	await waitForState("running");
	t.is(await currentNames(), "old");
});

test.serial(
	"names do not change while an administrator is connected",
	async (t) => {
		const administrator = await connect(names.old.databaseName);
		const { status, body } = await edit(names.new);
		t.is(status, 409);
		t.regex(body.error.message, /session of an administrator/);
		t.is(await currentNames(), "old");
		await administrator.end();
		await waitForState("running");
	},
);

test.serial("passwords change, missing fields do not", async (t) => {
	const before = await done("instanceCredentials", { id });
	const stored = await verifier();
	await edit({ password: null });
	const second = await done("instanceCredentials", { id });
	t.not(second.password, before.password);
	t.is(second.databasePassword, before.databasePassword);
	await edit({ password: "of the instance", databasePassword: "büro ½" });
	t.deepEqual(await done("instanceCredentials", { id }), {
		password: "of the instance",
		databasePassword: "büro ½",
	});
	t.not(await verifier(), stored);
	t.regex(await verifier(), /^SCRAM-SHA-256\$/);
	t.is(await currentNames(), "old");
	const log = JSON.stringify(manager.lines);
	for (const secret of ["of the instance", "büro", second.databasePassword])
		t.false(log.includes(secret));
});

test.serial(
	"names in use or not allowed are refused with a reason",
	async (t) => {
		const other = await done("instanceCreate", {
			serviceId,
			name: "other",
			domain: "example.com",
		});
		for (const [input, words] of [
			[{ name: "other" }, /path .* in use/],
			[{ databaseName: "example.com_other" }, /database .* in use/],
			[{ databaseUser: "example.com_other" }, /user .* in use/],
			[{ domain: "manager" }, /reserved for the manager/],
			[{ databaseName: "ü".repeat(32) }, /63 bytes/],
			[{ databaseUser: "postgres" }, /of the system/],
			[{ password: "short" }, /8/],
			[{ externalHost: { address: "/run" } }, /DNS name/],
			[{ externalHost: { address: "db", ca: "x" } }, /PEM/],
		] as const) {
			const { status, body } = await edit(input);
			t.true(status >= 400 && status < 500, JSON.stringify(input));
			t.regex(body.error.message, words);
		}
		t.is(await currentNames(), "old");
		await done("instanceDelete", { id: other.id, name: "other" });
	},
);

test.serial("a stopped instance stays stopped", async (t) => {
	await done("instanceStop", { id });
	await waitForState("stopped");
	await edit({ name: "y" });
	await delay(300);
	t.is((await instance()).state, "stopped");
	await edit({ name: "x" });
	await done("instanceStart", { id });
	await waitForState("running");
});

/** The lock of another transaction at which the edit waits, and the statement that waits. */
const steps: Record<string, { lock: string; waiting: string }> = {
	"the database is renamed": {
		lock: "LOCK TABLE pg_database IN SHARE MODE",
		waiting: "ALTER DATABASE",
	},
	"the user is renamed": {
		lock: "LOCK TABLE pg_authid IN SHARE MODE",
		waiting: "ALTER ROLE",
	},
	"the row is written": {
		lock: "LOCK TABLE instance IN SHARE MODE",
		waiting: "UPDATE instance",
	},
};

async function isWaiting(statement: string): Promise<boolean> {
	const { rowCount } = await client.query(
		"SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1",
		[`${statement}%`],
	);
	return rowCount === 1;
}

for (const [step, { lock, waiting }] of Object.entries(steps))
	test.serial(`killed when ${step}: nothing has changed`, async (t) => {
		t.timeout(60_000);
		const holder = await connect("manager");
		await holder.query("BEGIN");
		await holder.query(lock);
		const asked = edit(names.new).catch(() => undefined);
		while (!(await isWaiting(waiting))) await nextTick();
		await manager.stop("SIGKILL");
		await holder.end();
		await asked;
		await restart();
		await waitForState("running");
		t.is(await currentNames(), "old");
	});

test.serial(
	"killed at any moment: everything old or everything new",
	async (t) => {
		t.timeout(120_000);
		const startMs = performance.now();
		await edit(names.new);
		const editMs = performance.now() - startMs;
		await waitForState("running");
		const seen = new Set<string>();
		// From the start of the edit to well after its end, on machines of any speed.
		for (let step = 0; step < 10 || (seen.size < 2 && step < 20); step += 1) {
			const afterMs = (step / 6) * editMs;
			const isOld = (await currentNames()) === "old";
			const asked = edit(isOld ? names.new : names.old).catch(() => undefined);
			await delay(afterMs);
			await manager.stop("SIGKILL");
			await asked;
			await restart();
			const which = await currentNames();
			t.not(which, "mixed", `after ${afterMs} ms`);
			seen.add((which === "old") === isOld ? "before" : "after");
			await waitForState("running");
		}
		t.deepEqual(seen, new Set(["before", "after"]));
		await edit(names.old);
		await waitForState("running");
	},
);

test.serial(
	"PostgreSQL killed during the edit: nothing has changed",
	async (t) => {
		t.timeout(60_000);
		const holder = await connect("manager");
		await holder.query("BEGIN");
		await holder.query("LOCK TABLE instance IN SHARE MODE");
		const asked = edit(names.new);
		while (!(await isWaiting("UPDATE instance"))) await nextTick();
		await manager.cluster.kill();
		t.is((await asked).status, 503);
		await manager.cluster.start();
		const again = await connect("postgres");
		client.query = again.query.bind(again);
		await waitForState("running");
		t.is(await currentNames(), "old");
		await again.end();
	},
);
