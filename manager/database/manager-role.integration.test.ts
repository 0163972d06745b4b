import test from "ava";
import { Client } from "pg";
import { TestManager } from "../../testing/test-manager.ts";

// A device of an older version, where the manager was a superuser, gets the manager's role at PostgreSQL's next start.
const manager = await TestManager.create();
let superuser: Client;
let cookie = "";

const call = (operation: string, input: object = {}) =>
	manager.call(operation, input, { cookie });
const create = (name: string) =>
	call("instanceCreate", { serviceId: "x", name, domain: "example.com" });

const connect = async (database = "postgres") => {
	const { host, user } = manager.cluster;
	const client = new Client({ host, user, database });
	client.on("error", () => {});
	await client.connect();
	return client;
};

async function restartAll(): Promise<void> {
	await manager.stop();
	await superuser.end().catch(() => {});
	await manager.cluster.kill();
	await manager.cluster.start();
	superuser = await connect();
	await manager.start();
	cookie = await manager.logIn();
}

const owners = async () => {
	const client = await connect("manager");
	const { rows } = await client.query(
		`SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = 'public'::regnamespace
		 UNION SELECT datdba::regrole::text FROM pg_database WHERE datname = 'manager'`,
	);
	await client.end();
	return rows.map(({ owner }) => owner);
};

test.before(async () => {
	superuser = await connect();
	await manager.start();
	cookie = await manager.logIn();
	await manager.query(
		`INSERT INTO service (id, uid, folder, binary_name, title, build, label)
		 VALUES ('x', 2000, 'x', 'x', 'x', '1', '1')`,
	);
	await create("one");
});
test.after.always(async () => {
	await superuser.end();
	await manager.remove();
});

test.serial("what belonged to the superuser is handed over", async (t) => {
	// As an older version left it: the superuser owns everything and has created the roles.
	await manager.stop();
	const client = await connect("manager");
	const { user } = manager.cluster;
	await client.query("REVOKE ALL ON SCHEMA public FROM app_platform_manager");
	await client.query(`REASSIGN OWNED BY app_platform_manager TO ${user}`);
	await client.query("DROP OWNED BY app_platform_manager");
	await client.query(`CREATE TABLE kept AS SELECT 42 AS answer`);
	await client.end();
	await superuser.query(`CREATE ROLE unlimited`);
	await superuser.query(`REVOKE app_instances FROM "example.com_one"`);
	await superuser.query("DROP ROLE app_platform_manager");
	await superuser.query("CREATE ROLE crashed");
	await superuser.query("GRANT ALL ON DATABASE postgres TO PUBLIC");
	await superuser.query(`GRANT app_instances TO "example.com_one"`);
	await superuser.query("CREATE DATABASE by_hand");
	t.deepEqual(await owners(), [user]);

	await restartAll();
	t.deepEqual(await owners(), ["app_platform_manager"]);
	const { rows } = await superuser.query(
		`SELECT rolsuper, rolreplication, rolbypassrls, has_database_privilege('public', 'postgres', 'CONNECT') AS postgres,
			(SELECT datdba::regrole::text FROM pg_database WHERE datname = 'by_hand') AS by_hand,
			pg_has_role(oid, 'crashed', 'MEMBER') AS others
		 FROM pg_roles WHERE rolname = 'app_platform_manager'`,
	);
	t.deepEqual(rows, [
		{
			...{ rolsuper: false, rolreplication: false, rolbypassrls: false },
			...{ postgres: false, by_hand: user, others: false },
		},
	]);
	t.deepEqual(await manager.query("SELECT answer FROM kept"), [{ answer: 42 }]);
});

test.serial(
	"the manager works with instances of the older version",
	async (t) => {
		const [{ id }] = (await call("instances")).body.instances;
		t.is(
			(await call("instanceEdit", { id, name: "two", databaseName: "two" }))
				.status,
			200,
		);
		t.is((await call("instanceCleanUpDatabase", { id })).status, 200);
		t.is((await create("three")).status, 200);
		t.is((await call("instanceDelete", { id, name: "two" })).status, 200);
		const { rows } = await superuser.query(
			"SELECT rolname FROM pg_roles WHERE rolname LIKE 'example%'",
		);
		t.deepEqual(rows, [{ rolname: "example.com_three" }]);
	},
);

test.serial(
	"instances that the older version creates after a rollback are handed over too",
	async (t) => {
		await superuser.query(`CREATE ROLE "example.com_four"`);
		await superuser.query(
			`CREATE DATABASE "example.com_four" OWNER "example.com_four"`,
		);
		await manager.query(
			`INSERT INTO instance (service_id, name, domain, state, password, database_name, database_user, database_password, log_flags)
		 VALUES ('x', 'four', 'example.com', 'ready', 'password', 'example.com_four', 'example.com_four', 'word', 0)`,
		);
		await restartAll();
		const { instances } = (await call("instances")).body;
		const { id } = instances.find(
			({ name }: { name: string }) => name === "four",
		);
		t.is(
			(await call("instanceEdit", { id, databasePassword: "another" })).status,
			200,
		);
		t.is((await call("instanceDelete", { id, name: "four" })).status, 200);
	},
);

test.serial("the manager does not become a superuser at a start", async (t) => {
	await superuser.query(
		"CREATE ROLE administrator; GRANT pg_write_all_data TO administrator",
	);
	await manager.query(
		`CREATE FUNCTION hostile() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
			ALTER ROLE app_platform_manager SUPERUSER; RETURN 'x';
			EXCEPTION WHEN insufficient_privilege THEN RETURN 'administrator';
		END $$`,
	);
	await manager.query("ALTER TABLE instance RENAME TO hidden");
	await manager.query(
		`CREATE VIEW instance AS SELECT hostile() AS database_user
		 UNION ALL SELECT database_user FROM hidden
		 UNION ALL VALUES ('pg_execute_server_program'), ('${manager.cluster.user}')`,
	);
	await manager.query(
		`GRANT app_instances TO pg_read_server_files, ${manager.cluster.user}`,
	);
	await manager.stop();
	await manager.cluster.kill();
	await manager.cluster.start();
	await superuser.end().catch(() => {});
	superuser = await connect();
	const { rows } = await superuser.query(
		`SELECT rolname FROM pg_roles WHERE pg_has_role('app_platform_manager', oid, 'MEMBER')
			AND (oid < 16384 OR rolsuper OR rolname = 'administrator')
			AND rolname NOT IN ('pg_read_all_stats', 'pg_signal_backend', 'pg_use_reserved_connections')`,
	);
	t.deepEqual(rows, []);
	const keptOut = await superuser.query(
		`SELECT FROM pg_auth_members WHERE roleid = 'app_instances'::regrole AND member = current_user::regrole`,
	);
	t.is(keptOut.rowCount, 0);
});

test.serial(
	"a role of the manager's name that belongs to somebody is reported",
	async (t) => {
		await superuser.query("ALTER ROLE app_platform_manager PASSWORD 'x'");
		await manager.stop();
		await manager.cluster.kill();
		await t.throwsAsync(manager.cluster.start(), {
			message: /app_platform_manager is reserved for the manager/,
		});
	},
);
