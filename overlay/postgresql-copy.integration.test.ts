import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { Client, escapeIdentifier } from "pg";
import {
	startTemporaryCluster,
	type TemporaryCluster,
} from "../manager/database/temporary-cluster.ts";

// The copy of all databases for another version of PostgreSQL, here from one server to another of the same version.
const run = promisify(execFile);
const libraries = join(import.meta.dirname, "system/usr/lib/app-platform");
const odd = `it's "od\\d" = $db`;
const clusters: TemporaryCluster[] = [];
let old: Client;
let directory = "";

const connect = async (
	cluster: TemporaryCluster | undefined,
	database: string,
	user = cluster?.user,
) => {
	const client = new Client({ host: cluster?.host, user, database });
	client.on("error", () => {});
	await client.connect();
	return client;
};

/** Starts a server to which every role connects without a password, as during an update. */
async function startServer(): Promise<TemporaryCluster> {
	const cluster = await startTemporaryCluster();
	clusters.push(cluster);
	const client = await connect(cluster, "postgres");
	const { rows } = await client.query("SHOW hba_file");
	await writeFile(rows[0].hba_file, "local all all trust\n");
	await client.query("SELECT pg_reload_conf()");
	await client.end();
	return cluster;
}

/** Copies everything to a new server. */
async function copy(): Promise<{ cluster: TemporaryCluster; output: string }> {
	const cluster = await startServer();
	const client = await connect(cluster, "postgres");
	await client.query("DROP DATABASE manager");
	await client.end();
	const [from] = clusters;
	const { stdout, stderr } = await run("sh", [
		"-euc",
		`as_postgres() { "$@"; }
			say() { echo "$*"; }
			show_progress() { say "$1"; }
			. "$1/postgresql-copy.sh"
			SUPERUSER=$5 OLD_SERVER="host=$2" NEW_SERVER="host=$3" COPY_DIRECTORY=$4
			copy_cluster`,
		...["sh", libraries, from?.host ?? "", cluster.host],
		...[directory, cluster.user],
	]);
	return { cluster, output: stdout + stderr };
}

test.before(async () => {
	directory = await mkdtemp(join(tmpdir(), "app-platform-copy-"));
	const cluster = await startServer();
	old = await connect(cluster, "postgres");
	for (const name of ["evil", "other"])
		await old.query(
			`CREATE ROLE ${name} LOGIN PASSWORD 'of ${name}' CONNECTION LIMIT 16;
			 GRANT app_instances TO ${name}; GRANT ${name} TO app_platform_manager WITH ADMIN OPTION`,
		);
	await old.query(`CREATE DATABASE ${escapeIdentifier(odd)} OWNER evil`);
	await old.query("CREATE DATABASE other OWNER other");
	await old.query("CREATE ROLE disabled");
	await old.query("CREATE DATABASE by_hand OWNER disabled");
	await old.query("CREATE DATABASE of_superuser");
});
test.after.always(async () => {
	await old?.end();
	for (const cluster of clusters) await cluster.remove();
	await rm(directory, { recursive: true });
});

test.serial(
	"copies everything, and a hostile dump gains nothing",
	async (t) => {
		t.timeout(120_000);
		const [from] = clusters;
		const evil = await connect(from, odd, "evil");
		await evil.query(`
		CREATE TABLE public.seen (session text, role text);
		CREATE FUNCTION public.attack() RETURNS integer LANGUAGE plpgsql VOLATILE AS $attack$
		DECLARE way text;
		BEGIN
			FOREACH way IN ARRAY ARRAY[
				'INSERT INTO public.seen VALUES (session_user, current_user)',
				'ALTER ROLE evil SUPERUSER', 'RESET SESSION AUTHORIZATION', 'RESET ROLE',
				'ALTER ROLE evil SUPERUSER', 'ALTER ROLE evil CREATEROLE',
				'GRANT pg_execute_server_program TO evil'
			] LOOP
				BEGIN EXECUTE way; EXCEPTION WHEN OTHERS THEN NULL; END;
			END LOOP;
			RETURN 1;
		END $attack$;
		CREATE FUNCTION public.steady(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
			'BEGIN PERFORM public.attack(); RETURN $1; END';
		CREATE DOMAIN public.checked AS integer CHECK (public.steady(VALUE) = VALUE);
		CREATE TABLE public.data (
			n integer CHECK (public.steady(n) = n),
			c public.checked,
			g integer GENERATED ALWAYS AS (public.steady(1)) STORED
		);
		INSERT INTO public.data (n, c) VALUES (1, 1), (2, 2);
		CREATE INDEX ON public.data (public.steady(n));
		CREATE MATERIALIZED VIEW public.made AS SELECT public.attack() AS n;
		CREATE TABLE public."t
\\! touch ${directory}/ran
" (n integer);
		CREATE SCHEMA evil;
		CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE public.attack() = 1;
		ALTER TABLE public.data ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
		COMMENT ON TABLE public.data IS 'kept';
		GRANT SELECT ON public.data TO other;
		SELECT pg_catalog.lo_from_bytea(0, 'large');
		TRUNCATE public.seen`);
		for (const [target, name, value] of [
			["DATABASE", "search_path", "evil, pg_catalog"],
			["DATABASE", "role", "'app_instances'"],
			["DATABASE", "statement_timeout", "1"],
			["DATABASE", "default_transaction_read_only", "on"],
			["DATABASE", "local_preload_libraries", "'nothing'"],
			["ROLE", "search_path", "evil, pg_catalog"],
			["ROLE", "role", "'app_instances'"],
		])
			await evil.query(
				`ALTER ${target} ${target === "ROLE" ? "evil" : escapeIdentifier(odd)} SET ${name} = ${value}`,
			);
		await evil.end();
		const other = await connect(from, "other", "other");
		await other.query("CREATE EXTENSION citext; CREATE TABLE t (name citext)");
		await other.query("INSERT INTO t VALUES ('Name')");
		await other.end();
		const administrator = await connect(from, "other");
		await administrator.query("CREATE EXTENSION pageinspect");
		await administrator.query(
			"COMMENT ON EXTENSION citext IS 'of the administrator'",
		);
		await administrator.query("CREATE TABLE of_superuser AS SELECT 7 AS n");
		await administrator.end();
		const own = await connect(from, "of_superuser");
		await own.query(
			"CREATE TABLE t AS SELECT 42 AS n; ALTER TABLE t OWNER TO disabled",
		);
		await own.end();
		const lo = await connect(from, "of_superuser", "evil");
		await lo.query("SELECT lo_create(0)");
		await lo.end();
		await old.query("ALTER DATABASE by_hand ALLOW_CONNECTIONS false");

		const { cluster, output } = await copy();
		t.log(output);
		const roles = `SELECT rolname, rolsuper, rolcreaterole, rolcanlogin, rolconnlimit, rolpassword FROM pg_authid
		WHERE rolname NOT LIKE 'pg_%' ORDER BY 1`;
		const copied = await connect(cluster, "postgres");
		t.deepEqual(
			(await copied.query(roles)).rows,
			(await old.query(roles)).rows,
		);
		const databases = `SELECT datname, datdba::regrole::text AS owner, datallowconn, datacl::text, setconfig
		FROM pg_database LEFT JOIN pg_db_role_setting ON setdatabase = pg_database.oid ORDER BY 1`;
		t.deepEqual(
			(await copied.query(databases)).rows,
			(await old.query(databases)).rows,
		);
		const gained = await copied.query(
			"SELECT FROM pg_auth_members WHERE member = 'evil'::regrole AND roleid::regrole::text LIKE 'pg_%'",
		);
		t.is(gained.rowCount, 0);

		await copied.query(`ALTER DATABASE ${escapeIdentifier(odd)} RESET ALL`);
		await copied.query("ALTER ROLE evil RESET ALL");
		const target = await connect(cluster, odd, "evil");
		const query = async (sql: string) => (await target.query(sql)).rows;
		t.deepEqual(await query("SELECT DISTINCT session, role FROM public.seen"), [
			{ session: "evil", role: "evil" },
		]);
		await target.query("ALTER TABLE public.data NO FORCE ROW LEVEL SECURITY");
		t.deepEqual(await query("SELECT n, c, g FROM public.data ORDER BY 1"), [
			{ n: 1, c: 1, g: 1 },
			{ n: 2, c: 2, g: 1 },
		]);
		t.deepEqual(
			await query(
				"SELECT obj_description('public.data'::regclass) AS text, has_table_privilege('other', 'public.data', 'SELECT') AS granted, (SELECT count(*)::int FROM pg_largeobject_metadata) AS large",
			),
			[{ text: "kept", granted: true, large: 1 }],
		);
		await target.end();
		const another = await connect(cluster, "other", "other");
		t.deepEqual(
			(await another.query("SELECT name FROM t WHERE name = 'NAME'")).rows,
			[{ name: "Name" }],
		);
		t.deepEqual((await another.query("SELECT n FROM of_superuser")).rows, [
			{ n: 7 },
		]);
		const extensions = await another.query(
			"SELECT extname, extowner::regrole::text AS owner FROM pg_extension ORDER BY 1",
		);
		t.deepEqual(extensions.rows, [
			{ extname: "citext", owner: "other" },
			{ extname: "pageinspect", owner: cluster.user },
			{ extname: "plpgsql", owner: cluster.user },
		]);
		await another.end();
		const third = await connect(cluster, "of_superuser");
		t.deepEqual(
			(
				await third.query(
					"SELECT n, (SELECT relowner::regrole::text FROM pg_class WHERE oid = 't'::regclass) AS owner FROM t",
				)
			).rows,
			[{ n: 42, owner: "disabled" }],
		);
		await third.end();
		await copied.end();
		await t.throwsAsync(run("ls", [join(directory, "ran")]));
	},
);

test.serial(
	"an app's objects in a superuser's database are refused",
	async (t) => {
		await old.query("ALTER ROLE evil RESET ALL");
		await old.query("GRANT CREATE ON DATABASE of_superuser TO evil");
		const evil = await connect(clusters[0], "of_superuser", "evil");
		await evil.query("CREATE SCHEMA of_evil");
		await evil.end();
		const error = await t.throwsAsync<Error & { stdout: string }>(copy());
		t.regex(
			error.stdout,
			/of_superuser belongs to .* contains objects of evil/,
		);
		await old.query("DROP DATABASE of_superuser");
	},
);

test.serial("a database that cannot be restored is named", async (t) => {
	const other = await connect(clusters[0], "other", "other");
	await other.query(`
		CREATE FUNCTION public.never(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
			'BEGIN IF (SELECT count(*) FROM pg_catalog.pg_class WHERE relname = ''never'') = 0 THEN RAISE ''not here''; END IF; RETURN true; END';
		CREATE TABLE public.constrained (n integer CHECK (public.never(n)));
		CREATE SEQUENCE public.never`);
	await other.query("INSERT INTO public.constrained VALUES (1)");
	await other.query("DROP SEQUENCE public.never");
	await other.end();
	const error = await t.throwsAsync<Error & { stdout: string; stderr: string }>(
		copy(),
	);
	t.regex(error.stdout, /The database other cannot be copied/);
	t.regex(error.stderr, /not here/);
});
