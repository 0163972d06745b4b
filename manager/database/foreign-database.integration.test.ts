import test from "ava";
import { Client } from "pg";
import pino from "pino";
import { Database } from "./database.ts";
import { startTemporaryCluster } from "./temporary-cluster.ts";

// Sessions in a database whose owner is hostile.
const cluster = await startTemporaryCluster();
const database = new Database(
	{ host: cluster.host },
	[],
	pino({ enabled: false }),
);
const foreign = { database: "evil", user: "evil", password: "of evil" };
const limitMs = 60_000;

const connect = async (
	name: string,
	login: object = { user: cluster.user },
) => {
	const client = new Client({ host: cluster.host, database: name, ...login });
	await client.connect();
	return client;
};
const superuser = await connect("postgres");
await superuser.query(
	"CREATE ROLE evil LOGIN PASSWORD 'of evil'; GRANT app_instances TO evil; GRANT evil TO app_platform_manager",
);
await superuser.query("CREATE DATABASE evil OWNER evil");
const owner = await connect("evil", foreign);

test.before(async () => {
	database.start();
	await database.whenReady(async () => {});
});
test.after.always(async () => {
	await database.stop();
	await owner.end();
	await superuser.end();
	await cluster.remove();
});

const sessions = async () =>
	(
		await superuser.query(
			"SELECT FROM pg_stat_activity WHERE datname = 'evil' AND pid <> $1",
			[(await owner.query("SELECT pg_backend_pid() AS id")).rows[0].id],
		)
	).rowCount;

test.serial("the manager's role itself cannot enter", async (t) => {
	for (const name of ["evil", "postgres", "template1"])
		await t.throwsAsync(connect(name, { user: "app_platform_manager" }), {
			message: /pg_hba.conf rejects/,
		});
});

test.serial("nothing leads from the owner to another role", async (t) => {
	await database.inForeignDatabase(foreign, limitMs, async (query) => {
		t.deepEqual(await query("SELECT session_user, current_user"), [
			{ session_user: "evil", current_user: "evil" },
		]);
		for (const statement of [
			"SET ROLE app_platform_manager",
			"SET SESSION AUTHORIZATION app_platform_manager",
			"RESET SESSION AUTHORIZATION; ALTER ROLE evil CREATEDB",
			"RESET ROLE; CREATE ROLE more",
			`SET ROLE ${cluster.user}`,
			"ALTER ROLE evil SUPERUSER",
			"GRANT app_platform_manager TO evil",
			"SELECT * FROM pg_authid",
			"COPY (SELECT 1) TO PROGRAM 'true'",
		])
			await t.throwsAsync(query(statement), undefined, statement);
	});
});

test.serial("the owner's settings do not matter", async (t) => {
	for (const target of [
		"DATABASE evil",
		"ROLE evil",
		"ROLE evil IN DATABASE evil",
	])
		for (const [name, value] of [
			["search_path", "evil, pg_catalog"],
			["role", "'app_instances'"],
			["default_transaction_read_only", "on"],
			["default_transaction_isolation", "'serializable'"],
			["statement_timeout", "1"],
			["lock_timeout", "1"],
			["idle_session_timeout", "1"],
			["idle_in_transaction_session_timeout", "1"],
			["row_security", "off"],
			["standard_conforming_strings", "off"],
			["transform_null_equals", "on"],
			["quote_all_identifiers", "on"],
			["local_preload_libraries", "'none of these'"],
			["client_min_messages", "debug5"],
			["vacuum_cost_delay", "100"],
		])
			await owner.query(`ALTER ${target} SET ${name} = ${value}`);
	const rows = await database.inForeignDatabase(
		foreign,
		limitMs,
		async (query) => {
			await query("CREATE TABLE public.written ()");
			return query<{ name: string; setting: string }>(
				"SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'client'",
			);
		},
	);
	const settings = Object.fromEntries(rows.map((r) => [r.name, r.setting]));
	t.like(settings, {
		search_path: "pg_catalog,pg_temp",
		default_transaction_read_only: "off",
		default_transaction_isolation: "read committed",
		statement_timeout: "0",
		lock_timeout: "60000",
		idle_session_timeout: "0",
		standard_conforming_strings: "on",
		transform_null_equals: "off",
		local_preload_libraries: "",
		vacuum_cost_delay: "0",
	});
	for (const target of [
		"DATABASE evil",
		"ROLE evil",
		"ROLE evil IN DATABASE evil",
	])
		await owner.query(`ALTER ${target} RESET ALL`);
});

test.serial("a function that does not end is ended", async (t) => {
	await owner.query(`CREATE FUNCTION public.endless() RETURNS integer LANGUAGE plpgsql AS $$
		BEGIN
			LOOP
				BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END;
			END LOOP;
		END $$`);
	await t.throwsAsync(
		database.inForeignDatabase(foreign, 500, (query) =>
			query("SELECT public.endless()"),
		),
		{ message: /evil has taken more than 0.5 s/ },
	);
	while ((await sessions()) !== 0);
	t.pass();
});

test.serial("endless messages do not fill the memory", async (t) => {
	await t.throwsAsync(
		database.inForeignDatabase(foreign, limitMs, (query) =>
			query(
				"DO $$ BEGIN RAISE EXCEPTION '%', repeat('x', 100 * 1024 * 1024); END $$",
			),
		),
		{ message: /answers with more than/ },
	);
	await t.throwsAsync(
		database.inForeignDatabase(foreign, limitMs, (query) =>
			query(
				`DO $$ BEGIN
					SET client_min_messages = notice;
					LOOP RAISE NOTICE '%', repeat('x', 10000); END LOOP;
				END $$`,
			),
		),
		{ message: /answers with more than/ },
	);
	while ((await sessions()) !== 0);
});
