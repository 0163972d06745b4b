import { join } from "node:path";
import {
	setTimeout as delay,
	setImmediate as turn,
} from "node:timers/promises";
import test from "ava";
import { Client } from "pg";
import { TestAppliance } from "../../../testing/test-appliance.ts";

// An instance is changed wholly or not at all, also when the manager is killed in the middle.
const appliance = await TestAppliance.withApp(
	join(import.meta.dirname, "../../../apps/notes"),
);
const { manager } = appliance;
const begin = () => appliance.startManager();
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

const connect = async (database: string) => {
	const client = new Client({
		host: manager.cluster.host,
		user: manager.cluster.user,
		database,
	});
	client.on("error", () => {}); // A test ends it.
	await client.connect();
	return client;
};
const client = await connect("postgres");

test.before(async () => {
	({ id } = await done("instanceCreate", { serviceId, ...names.old }));
	await becomes("running");
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

async function becomes(state: string) {
	const end = performance.now() + 20_000;
	while ((await instance()).state !== state) {
		if (performance.now() > end)
			throw new Error(`never ${state}: ${JSON.stringify(await instance())}`);
		await delay(50);
	}
}

/** @returns which of the two sets of names there is, of all that has one. */
async function whatIsThere(): Promise<string> {
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
	return "half-made";
}

/** The password that PostgreSQL keeps of the instance's user. */
async function verifier(): Promise<string> {
	const { databaseUser } = await instance();
	const { rows } = await client.query(
		"SELECT rolpassword FROM pg_authid WHERE rolname = $1",
		[databaseUser],
	);
	return rows[0].rolpassword;
}

test.serial("names are changed, with who is connected", async (t) => {
	const guest = await connect(names.old.databaseName);
	await guest.query("CREATE TABLE kept AS SELECT 1 AS one");
	const { status, body } = await edit(names.new);
	t.is(status, 200, JSON.stringify(body));
	t.is(body.path, "/example.org/y/");
	t.is(await whatIsThere(), "new");
	await becomes("running");
	await t.throwsAsync(guest.query("SELECT 1"));
	const look = await connect(names.new.databaseName);
	t.deepEqual((await look.query("SELECT one FROM kept")).rows, [{ one: 1 }]);
	await look.end();
	t.is((await edit(names.old)).status, 200);
	await becomes("running");
	t.is(await whatIsThere(), "old");
});

test.serial("what is not given stays, and passwords change", async (t) => {
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
	t.is(await whatIsThere(), "old");
	const log = JSON.stringify(manager.lines);
	for (const secret of ["of the instance", "büro", second.databasePassword])
		t.false(log.includes(secret));
});

test.serial("names in use or not allowed are refused in words", async (t) => {
	const other = await done("instanceCreate", {
		serviceId,
		name: "other",
		domain: "example.com",
	});
	for (const [input, words] of [
		[{ name: "other" }, /path .* in use/],
		[{ databaseName: "example.com_other" }, /database .* in use/],
		[{ databaseUser: "example.com_other" }, /user .* in use/],
		[{ domain: "manager" }, /manager's/],
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
	t.is(await whatIsThere(), "old");
	await done("instanceDelete", { id: other.id, name: "other" });
});

test.serial("a stopped instance stays stopped", async (t) => {
	await done("instanceStop", { id });
	await becomes("stopped");
	await edit({ name: "y" });
	await delay(300);
	t.is((await instance()).state, "stopped");
	await edit({ name: "x" });
	await done("instanceStart", { id });
	await becomes("running");
});

/** What another transaction locks, so that the edit waits there for it; and what is seen then. */
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
	test.serial(`killed when ${step}: all is as it was`, async (t) => {
		t.timeout(60_000);
		const holder = await connect("manager");
		await holder.query("BEGIN");
		await holder.query(lock);
		const asked = edit(names.new).catch(() => undefined);
		while (!(await isWaiting(waiting))) await turn();
		await manager.stop("SIGKILL");
		await holder.end();
		await asked;
		await begin();
		await becomes("running");
		t.is(await whatIsThere(), "old");
	});

test.serial("killed at any moment: all old or all new", async (t) => {
	t.timeout(120_000);
	const startMs = performance.now();
	await edit(names.new);
	const editMs = performance.now() - startMs;
	await becomes("running");
	const seen = new Set<string>();
	// From at once to well behind its end, however fast this machine is.
	for (let step = 0; step < 10 || (seen.size < 2 && step < 20); step += 1) {
		const afterMs = (step / 6) * editMs;
		const isOld = (await whatIsThere()) === "old";
		const asked = edit(isOld ? names.new : names.old).catch(() => undefined);
		await delay(afterMs);
		await manager.stop("SIGKILL");
		await asked;
		await begin();
		const which = await whatIsThere();
		t.not(which, "half-made", `after ${afterMs} ms`);
		seen.add((which === "old") === isOld ? "before" : "after");
		await becomes("running");
	}
	t.deepEqual(seen, new Set(["before", "after"]));
	await edit(names.old);
	await becomes("running");
});

test.serial("PostgreSQL killed in the middle: all is as it was", async (t) => {
	t.timeout(60_000);
	const holder = await connect("manager");
	await holder.query("BEGIN");
	await holder.query("LOCK TABLE instance IN SHARE MODE");
	const asked = edit(names.new);
	while (!(await isWaiting("UPDATE instance"))) await turn();
	await manager.cluster.kill();
	t.is((await asked).status, 503);
	await manager.cluster.start();
	const again = await connect("postgres");
	client.query = again.query.bind(again);
	await becomes("running");
	t.is(await whatIsThere(), "old");
	await again.end();
});
