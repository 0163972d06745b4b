import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { Client } from "pg";
import { TestManager } from "../../../testing/test-manager.ts";

// A clean-up makes a database smaller; all databases are optimized at night.
const manager = await TestManager.create();
const ids: number[] = [];
let cookie = "";

const connect = async (database: string) => {
	const client = new Client({
		host: manager.cluster.host,
		user: manager.cluster.user,
		database,
	});
	await client.connect();
	return client;
};

test.before(async () => {
	await manager.start();
	cookie = await manager.logIn();
	const client = await connect("manager");
	// Its instances have databases but never run.
	await client.query(
		`INSERT INTO service (id, uid, folder, binary_name, title, build, label)
		 VALUES ('x', 2000, 'x', 'x', 'x', '1', '1')`,
	);
	await client.end();
	for (const name of ["one", "two"]) {
		const { body } = await call("instanceCreate", {
			...{ serviceId: "x", name, domain: "example.com" },
		});
		ids.push(body.id);
	}
});
test.after.always(() => manager.remove());

const call = (operation: string, input: object = {}) =>
	manager.call(operation, input, { cookie });

async function instance(id: number | undefined) {
	const { instances } = (await call("instances")).body;
	return instances.find((one: { id: number }) => one.id === id);
}

async function cleanedUp(id: number | undefined) {
	for (;;) {
		const { cleanUp } = await instance(id);
		if (cleanUp?.state !== "running") return cleanUp;
		await delay(50);
	}
}

test.serial("a clean-up frees the space of deleted rows", async (t) => {
	const client = await connect("example.com_one");
	await client.query(
		`CREATE TABLE "a ""b" AS SELECT n, repeat('x', 200) AS text FROM generate_series(1, 100000) AS n`,
	);
	await client.query(`DELETE FROM "a ""b" WHERE n > 10`);
	const before = await instance(ids[0]);
	t.is(before.connections, 1);
	t.is((await call("instanceCleanUpDatabase", { id: ids[0] })).status, 200);
	const { state, tables, tablesDone, sizeBeforeBytes, sizeAfterBytes } =
		await cleanedUp(ids[0]);
	t.is(state, "done");
	t.is(tablesDone, tables);
	t.is(sizeBeforeBytes, before.databaseSizeBytes);
	t.true(sizeAfterBytes < sizeBeforeBytes - 20_000_000);
	const [job] = (await call("jobs")).body.jobs;
	t.like(job, {
		...{ kind: "databaseCleanUp", subject: "example.com_one", state: "done" },
		...{ total: tables, unit: "tables" },
	});
	const { rows } = await client.query(
		`SELECT count(*)::int AS count FROM "a ""b"`,
	);
	t.is(rows[0].count, 10);
	await client.end();
});

test.serial(
	"only one clean-up runs, and an interrupted one fails",
	async (t) => {
		const holder = await connect("example.com_one");
		await holder.query(`BEGIN; LOCK TABLE "a ""b" IN SHARE MODE`);
		t.is((await call("instanceCleanUpDatabase", { id: ids[0] })).status, 200);
		const refused = await call("instanceCleanUpDatabase", { id: ids[1] });
		t.is(refused.status, 409);
		t.regex(refused.body.error.message, /one at a time/);
		const observer = await connect("postgres");
		for (;;) {
			const { rowCount } = await observer.query(
				`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			 WHERE wait_event_type = 'Lock' AND query LIKE 'VACUUM (FULL%'`,
			);
			if (rowCount === 1) break;
			await delay(20);
		}
		t.like(await cleanedUp(ids[0]), { state: "failed" });
		await holder.end();
		await observer.end();
		t.is((await call("instanceCleanUpDatabase", { id: ids[1] })).status, 200);
		t.like(await cleanedUp(ids[1]), { state: "done" });
	},
);

test.serial(
	"all databases are optimized after the selected hour",
	async (t) => {
		const first = (await call("databaseOptimization")).body;
		t.is(first.hour, 22);
		t.is((await call("databaseOptimizationChange", { hour: 24 })).status, 400);
		await call("databaseOptimizationChange", { hour: 3 });
		const { hour, next, last } = (await call("databaseOptimization")).body;
		t.is(hour, 3);
		t.is(last, undefined);
		const sinceHour = (new Date(next).getHours() + 24 - 3) % 24;
		t.true(sinceHour <= 7);

		await call("databaseOptimize");
		await manager.logged("the databases were optimized");
		t.deepEqual((await call("databaseOptimization")).body.last.failed, []);
		const client = await connect("example.com_one");
		const { rows } = await client.query(
			"SELECT vacuum_count::int, analyze_count::int FROM pg_stat_user_tables",
		);
		t.true(rows.every((row) => row.vacuum_count > 0 && row.analyze_count > 0));
		await client.end();
	},
);
