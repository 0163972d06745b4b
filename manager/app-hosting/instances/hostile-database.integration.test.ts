import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { Client } from "pg";
import { TestManager } from "../../../testing/test-manager.ts";

// An app owns its database: whatever it does there, the manager's work in it runs with the app's rights only.
const manager = await TestManager.create();
const names = ["evil", "other"] as const;
const ids: Record<string, number> = {};
let cookie = "";

const call = (operation: string, input: object = {}) =>
	manager.call(operation, input, { cookie });

const superuser = async (database = "postgres") => {
	const client = new Client({
		host: manager.cluster.host,
		user: manager.cluster.user,
		database,
	});
	client.on("error", () => {});
	await client.connect();
	return client;
};

/** Connects as an instance's app does. */
async function app(name: string, database = `example.com_${name}`) {
	const { databasePassword: password } = (
		await call("instanceCredentials", { id: ids[name] })
	).body;
	const { host } = manager.cluster;
	const user = `example.com_${name}`;
	const client = new Client({ host, user, password, database });
	client.on("error", () => {});
	await client.connect();
	return client;
}

test.before(async () => {
	await manager.start();
	cookie = await manager.logIn();
	await manager.query(
		`INSERT INTO service (id, uid, folder, binary_name, title, build, label)
		 VALUES ('x', 2000, 'x', 'x', 'x', '1', '1')`,
	);
	for (const name of names) await create(name);
});
test.after.always(() => manager.remove());

async function create(name: string) {
	const { body } = await call("instanceCreate", {
		...{ serviceId: "x", name, domain: "example.com" },
	});
	ids[name] = body.id;
}

async function cleanedUp(name: string) {
	const { status, body } = await call("instanceCleanUpDatabase", {
		id: ids[name],
	});
	if (status !== 200) return { state: "refused", text: body.error.message };
	for (;;) {
		const { instances } = (await call("instances")).body;
		const { cleanUp } = instances.find(
			(one: { id: number }) => one.id === ids[name],
		);
		if (cleanUp?.state !== "running") return cleanUp;
		await delay(20);
	}
}

async function optimized() {
	await call("databaseOptimize");
	for (;;) {
		const { last } = (await call("databaseOptimization")).body;
		if (last.endedAt) return last;
		await delay(20);
	}
}

/** The rights that no app may gain. */
async function gained() {
	const client = await superuser();
	const { rows } = await client.query(
		`SELECT rolname FROM pg_roles
		 WHERE rolname LIKE 'example.com%' AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
			OR pg_has_role(oid, 'pg_execute_server_program', 'MEMBER')
			OR pg_has_role(oid, 'pg_read_all_data', 'MEMBER'))`,
	);
	await client.end();
	return rows;
}

/** What attacks call: it tries every way up and records who it is. */
const attack = `
	CREATE TABLE public.seen (session text, role text);
	CREATE FUNCTION public.attack() RETURNS integer LANGUAGE plpgsql VOLATILE AS $attack$
	DECLARE
		way text;
	BEGIN
		FOREACH way IN ARRAY ARRAY[
			'INSERT INTO public.seen VALUES (session_user, current_user)',
			'ALTER ROLE "example.com_evil" SUPERUSER',
			'ALTER ROLE "example.com_evil" CREATEROLE CREATEDB',
			'GRANT pg_execute_server_program TO "example.com_evil"',
			'SET LOCAL ROLE app_platform_manager',
			'ALTER ROLE "example.com_evil" CREATEROLE CREATEDB',
			'RESET ROLE',
			'RESET SESSION AUTHORIZATION',
			'ALTER ROLE "example.com_evil" SUPERUSER'
		] LOOP
			BEGIN EXECUTE way; EXCEPTION WHEN OTHERS THEN NULL; END;
		END LOOP;
		RETURN 1;
	END $attack$;
	CREATE FUNCTION public.hidden(anyelement) RETURNS integer LANGUAGE sql VOLATILE AS
		'SELECT public.attack()';
	CREATE FUNCTION public.steady(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
		'BEGIN PERFORM public.attack(); RETURN $1; END';
`;

test.serial("a search path with a false pg_class", async (t) => {
	const client = await app("evil");
	await client.query(`
		${attack}
		CREATE SCHEMA evil;
		CREATE VIEW evil.pg_class AS SELECT oid, relname, relnamespace, relkind, relisshared, relpersistence
			FROM pg_catalog.pg_class WHERE public.attack() = 1;
		ALTER DATABASE "example.com_evil" SET search_path = evil, pg_catalog;
		ALTER ROLE "example.com_evil" SET search_path = evil, pg_catalog`);
	await client.end();
	t.like(await cleanedUp("evil"), { state: "done" });
	await optimized();
	t.deepEqual(await gained(), []);
});
