import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { Client } from "pg";
import { TestManager } from "../../../testing/test-manager.ts";

// An app owns its database: whatever it does there, the manager's work in it runs with the app's rights only.
const manager = await TestManager.create({ max_prepared_transactions: "5" });
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
async function app(
	name: (typeof names)[number],
	database = `example.com_${name}`,
) {
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
	const client = await app("evil");
	await client.query(attack);
	await client.end();
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

/** What an app does in its database before the manager works there. The functions are those of `attack`. */
const attacks: Record<string, string> = {
	"a search path with a false pg_class": `
		CREATE SCHEMA evil;
		CREATE VIEW evil.pg_class AS SELECT oid, relname, relnamespace, relkind, relisshared, relpersistence
			FROM pg_catalog.pg_class WHERE public.attack() = 1;
		ALTER DATABASE "example.com_evil" SET search_path = evil, pg_catalog;
		ALTER ROLE "example.com_evil" SET search_path = evil, pg_catalog;
		ALTER ROLE "example.com_evil" IN DATABASE "example.com_evil" SET search_path = evil, pg_catalog`,
	"false functions, operators and casts": `
		CREATE SCHEMA shadow;
		CREATE FUNCTION shadow.format(text, name, name) RETURNS text LANGUAGE sql AS $$
			SELECT 'pg_catalog.pg_class' WHERE public.attack() = 1 $$;
		CREATE FUNCTION shadow.pg_total_relation_size(oid) RETURNS bigint LANGUAGE sql AS 'SELECT public.attack()::bigint';
		CREATE FUNCTION shadow.differs("char", "char") RETURNS boolean LANGUAGE sql AS 'SELECT public.attack() = 1';
		CREATE OPERATOR shadow.<> (LEFTARG = "char", RIGHTARG = "char", FUNCTION = shadow.differs);
		CREATE FUNCTION shadow.same(oid, oid) RETURNS boolean LANGUAGE sql AS
			'SELECT public.attack() = 1 AND $1 OPERATOR(pg_catalog.=) $2';
		CREATE OPERATOR shadow.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = shadow.same);
		CREATE DOMAIN shadow.float8 AS bigint CHECK (public.attack() = 1);
		ALTER DATABASE "example.com_evil" SET search_path = shadow, pg_catalog`,
	"functions in indexes": `
		CREATE TABLE public.indexed AS SELECT generate_series(1, 1000) AS n;
		CREATE INDEX ON public.indexed (public.steady(n));
		CREATE INDEX ON public.indexed (n) WHERE public.steady(n) > 5;
		CREATE STATISTICS public.expressions ON public.steady(n), (n + 1) FROM public.indexed;
		DELETE FROM public.indexed WHERE n % 2 = 0`,
	"functions in constraints, domains, defaults and generated columns": `
		CREATE DOMAIN public.checked AS integer CHECK (public.steady(VALUE) = VALUE);
		CREATE TABLE public.constrained (
			n public.checked DEFAULT public.attack(),
			g integer GENERATED ALWAYS AS (public.steady(1)) STORED,
			CHECK (public.steady(n) = n)
		);
		INSERT INTO public.constrained (n) SELECT generate_series(1, 1000)`,
	"triggers, rules, policies and a materialized view": `
		CREATE TABLE public.guarded (n integer);
		CREATE FUNCTION public.on_change() RETURNS trigger LANGUAGE plpgsql AS
			'BEGIN PERFORM public.attack(); RETURN NEW; END';
		CREATE TRIGGER changed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.guarded EXECUTE FUNCTION public.on_change();
		CREATE RULE ruled AS ON UPDATE TO public.guarded DO ALSO SELECT public.attack();
		ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
		CREATE POLICY looks ON public.guarded USING (public.attack() = 1);
		CREATE MATERIALIZED VIEW public.made AS SELECT public.attack() AS n WITH NO DATA`,
	"settings that stop others": `
		ALTER DATABASE "example.com_evil" SET statement_timeout = 1;
		ALTER DATABASE "example.com_evil" SET default_transaction_read_only = on;
		ALTER DATABASE "example.com_evil" SET local_preload_libraries = 'none';
		ALTER ROLE "example.com_evil" SET row_security = off;
		ALTER ROLE "example.com_evil" SET role = 'app_instances'`,
	"odd names": `
		CREATE SCHEMA "s"";DROP";
		CREATE TABLE "s"";DROP"."t""; ALTER ROLE ""example.com_evil"" SUPERUSER; --" (n integer);
		CREATE TABLE public.pg_class (n integer);
		CREATE TABLE public."new
line" (n integer)`,
	"rights for everybody": `
		GRANT ALL ON DATABASE "example.com_evil" TO PUBLIC;
		GRANT ALL ON SCHEMA public TO PUBLIC;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC;
		ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO app_platform_manager`,
};

for (const [name, statements] of Object.entries(attacks))
	test.serial(`an app gains nothing by ${name}`, async (t) => {
		const setup = await app("evil");
		// Each statement is a transaction of its own, so that settings cannot stop the next one.
		await setup.query(statements);
		await setup.end();
		t.like(await cleanedUp("evil"), { state: "done" });
		t.deepEqual((await optimized()).failed, []);
		t.deepEqual(await gained(), []);
		const administrator = await superuser();
		for (const reset of [
			`ALTER DATABASE "example.com_evil" RESET ALL`,
			`ALTER ROLE "example.com_evil" RESET ALL`,
			`ALTER ROLE "example.com_evil" IN DATABASE "example.com_evil" RESET ALL`,
		])
			await administrator.query(reset);
		await administrator.end();
		const client = await superuser("example.com_evil");
		const { rows } = await client.query(
			`SELECT DISTINCT session FROM public.seen WHERE session <> 'example.com_evil'`,
		);
		t.deepEqual(rows, []);
		await client.end();
	});

test.serial("what only a superuser may do is refused", async (t) => {
	const client = await app("evil");
	for (const statement of [
		"ALTER DATABASE \"example.com_evil\" SET session_preload_libraries = 'x'",
		'ALTER ROLE "example.com_evil" SET session_replication_role = replica',
		"ALTER ROLE app_platform_manager SET search_path = evil",
		"ALTER DATABASE manager SET search_path = evil",
		'ALTER ROLE "example.com_other" SET search_path = evil',
		'GRANT "example.com_other" TO "example.com_evil"',
		'GRANT app_platform_manager TO "example.com_evil"',
		'ALTER DATABASE "example.com_evil" OWNER TO app_platform_manager',
		'ALTER ROLE "example.com_evil" CONNECTION LIMIT -1',
		"CREATE EVENT TRIGGER login ON ddl_command_end EXECUTE FUNCTION public.on_event()",
		"CREATE FUNCTION pg_catalog.attack() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
	]) {
		await client.query(
			"CREATE OR REPLACE FUNCTION public.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
		);
		await t.throwsAsync(client.query(statement), undefined, statement);
	}
	await client.end();
	for (const database of [
		"manager",
		"postgres",
		"template1",
		"example.com_other",
	])
		await t.throwsAsync(app("evil", database), {
			message: /permission denied for database/,
		});
});

test.serial(
	"a role that an app gives to the manager gains nothing",
	async (t) => {
		// PostgreSQL 15 allows this, 16 does not.
		const client = await app("evil");
		await client
			.query('GRANT "example.com_evil" TO "example.com_other"')
			.catch(() => {});
		await client.end();
		t.deepEqual(await gained(), []);
	},
);

test.serial("an app has a limit of connections", async (t) => {
	const open: Client[] = [];
	const error = await t.throwsAsync(async () => {
		for (let count = 0; count < 50; count += 1) open.push(await app("evil"));
	});
	t.regex(error.message, /too many connections for role/);
	t.is(open.length, 16);
	const others = await app("other");
	await others.end();
	const { state, text } = await cleanedUp("evil");
	t.is(state, "refused");
	t.regex(text, /uses all of its 16 connections/);
	t.deepEqual((await optimized()).failed, ["example.com_evil"]);
	await Promise.all(open.map((client) => client.end()));
});

test.serial("roles of older versions get the limit", async (t) => {
	const client = await superuser();
	await client.query('ALTER ROLE "example.com_other" CONNECTION LIMIT -1');
	await manager.stop();
	await manager.start();
	cookie = await manager.logIn();
	const limit = async () =>
		(
			await client.query(
				"SELECT rolconnlimit FROM pg_roles WHERE rolname = 'example.com_other'",
			)
		).rows[0].rolconnlimit;
	while ((await limit()) !== 16) await delay(20);
	await client.end();
	t.pass();
});

test.serial(
	"a changed password keeps only the own database from being cleaned up",
	async (t) => {
		const client = await app("evil");
		await client.query(`ALTER ROLE "example.com_evil" PASSWORD 'changed'`);
		await client.end();
		const { state, text } = await cleanedUp("evil");
		t.is(state, "refused");
		t.regex(text, /does not accept the password/);
		t.deepEqual((await optimized()).failed, ["example.com_evil"]);
	},
);

test.serial("an instance is deleted whatever its app has done", async (t) => {
	const administrator = await superuser();
	await administrator.query(
		`ALTER ROLE "example.com_evil" PASSWORD '${(await call("instanceCredentials", { id: ids.evil })).body.databasePassword}'`,
	);
	// The other app lets the hostile one into its database.
	const other = await app("other");
	await other.query(`
		CREATE TABLE public.shared (n integer);
		ALTER TABLE public.shared ENABLE ROW LEVEL SECURITY;
		CREATE POLICY for_evil ON public.shared TO "example.com_evil" USING (true);
		GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "example.com_other" TO "example.com_evil";
		GRANT ALL ON SCHEMA public TO "example.com_evil" WITH GRANT OPTION;
		GRANT ALL ON public.shared TO "example.com_evil" WITH GRANT OPTION;
		ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "example.com_evil"`);
	const guest = await app("evil", "example.com_other");
	await guest.query(`
		CREATE SCHEMA of_evil;
		CREATE TABLE of_evil.owned AS SELECT 1 AS n;
		CREATE FUNCTION of_evil.owned() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
		ALTER DEFAULT PRIVILEGES IN SCHEMA of_evil GRANT ALL ON TABLES TO "example.com_other"`);
	await guest.query("SELECT lo_create(0)");
	await guest.query(
		"BEGIN; LOCK TABLE public.shared; PREPARE TRANSACTION 'it''s evil'",
	);
	const own = await app("evil");
	await own.query("BEGIN; CREATE TABLE prepared (); PREPARE TRANSACTION 'own'");
	await own.query(
		`GRANT ALL ON DATABASE "example.com_evil" TO "example.com_other"`,
	);
	await own.query("CREATE TABLE public.locked ()");
	const othersHere = await app("other", "example.com_evil");
	await othersHere.query("BEGIN; CREATE TABLE pg_temp.x (); COMMIT");
	await own.query(`GRANT ALL ON SCHEMA public TO "example.com_other"`);
	await othersHere.query(
		"BEGIN; CREATE TABLE public.y (); PREPARE TRANSACTION 'of other'",
	);
	await own.query("BEGIN; LOCK TABLE public.locked");
	const restless = await app("evil");
	await restless.query(
		`ALTER ROLE "example.com_evil" SET default_transaction_read_only = on`,
	);
	await restless.query("SET default_transaction_read_only = off");
	await restless.query(
		`ALTER DATABASE "example.com_evil" SET default_transaction_read_only = on`,
	);
	await restless.query(
		`ALTER DATABASE "example.com_evil" SET statement_timeout = 1`,
	);
	await restless.query(
		`REVOKE CONNECT ON DATABASE "example.com_evil" FROM "example.com_evil"`,
	);
	await other.query(
		`REVOKE CONNECT ON DATABASE "example.com_other" FROM "example.com_evil"`,
	);
	await restless.query(`ALTER ROLE "example.com_evil" PASSWORD 'again'`);
	await restless.query(`ALTER DATABASE "example.com_evil" CONNECTION LIMIT 0`);
	await restless
		.query(`ALTER DATABASE "example.com_evil" IS_TEMPLATE true`)
		.catch(() => {});
	await guest.query(
		`ALTER DATABASE "example.com_evil" ALLOW_CONNECTIONS false`,
	);

	const { status, body } = await call("instanceDelete", {
		id: ids.evil,
		name: "evil",
	});
	t.is(status, 200, JSON.stringify(body));
	const left = await administrator.query(
		`SELECT datname AS name FROM pg_database WHERE datname LIKE '%evil%'
		 UNION SELECT rolname FROM pg_roles WHERE rolname LIKE '%evil%'
		 UNION SELECT usename FROM pg_stat_activity WHERE usename LIKE '%evil%'
		 UNION SELECT gid FROM pg_prepared_xacts`,
	);
	t.deepEqual(left.rows, []);
	// The rights that remain in the other database belong to nobody who can connect.
	const disabled = await administrator.query(
		"SELECT rolcanlogin FROM pg_roles WHERE rolname LIKE 'app_platform_deleted_%'",
	);
	t.deepEqual(disabled.rows, [{ rolcanlogin: false }]);
	const again = await app("other");
	t.deepEqual((await again.query("SELECT n FROM public.shared")).rows, []);
	await again.end();

	// A new instance of the same name has none of them.
	await create("evil");
	const successor = await app("evil");
	t.like(await cleanedUp("evil"), { state: "done" });
	await successor.end();
	await t.throwsAsync(app("evil", "example.com_other"), {
		message: /permission denied for database/,
	});

	// The last traces disappear with the other database.
	for (const name of names)
		t.is((await call("instanceDelete", { id: ids[name], name })).status, 200);
	const roles = await administrator.query(
		"SELECT rolname FROM pg_roles WHERE rolname LIKE 'example%' OR rolname LIKE '%deleted%'",
	);
	t.deepEqual(roles.rows, []);
	await administrator.end();
});
