import { once } from "node:events";
import test from "ava";
import { Client } from "pg";
import { TestManager } from "../../testing/test-manager.ts";

let manager: TestManager;

test.before(async () => {
	manager = await TestManager.create();
});
test.after.always(() => manager.remove());

test.serial(
	"the first start creates database and tables, the second changes nothing",
	async (t) => {
		await manager.start();
		const first = await manager.logged("the database is ready");
		t.deepEqual(first.migrations, [
			"0001-config",
			"0002-update-history",
			"0003-services",
			"0004-instances",
			"0005-external-host",
			"0006-tokens",
			"0007-alarms",
			"0008-store-trust",
			"0009-database-limits",
		]);
		await manager.stop();
		await manager.start();
		const second = await manager.logged("the database is ready");
		t.deepEqual(second.migrations, []);
	},
);

test.serial("the documented statement on the table config works", async (t) => {
	const client = new Client({
		host: manager.cluster.host,
		user: manager.cluster.user,
		database: "manager",
	});
	await client.connect();
	await client.query(
		`INSERT INTO config (name, value) VALUES ('webserverCertificate', '"PEM"')`,
	);
	const { rowCount } = await client.query(
		"DELETE FROM config WHERE name='webserverCertificate'",
	);
	t.is(rowCount, 1);
	await client.end();
});

test.serial(
	"an open page works again after PostgreSQL is killed and restarted",
	async (t) => {
		const cookie = await manager.logIn();
		const socket = manager.webSocket({ cookie });
		await once(socket, "open");
		const status = async () => {
			socket.send(JSON.stringify({ id: 1, operation: "databaseStatus" }));
			const [data] = await once(socket, "message");
			return JSON.parse(String(data)).output;
		};
		t.true((await status()).reachable);

		await manager.cluster.kill();
		t.deepEqual(await status(), {
			reachable: false,
			reason: "PostgreSQL does not answer",
		});
		const system = await manager.call("systemStatus", {}, { cookie });
		t.is(system.status, 200, "operations without the database still work");
		const alarms = await manager.call("pastAlarms", {}, { cookie });
		t.is(alarms.status, 503);
		t.is(alarms.body.error.code, "databaseUnavailable");

		await manager.cluster.start();
		t.true((await status()).reachable);
		await t.notThrowsAsync(manager.logIn());
		socket.close();
	},
);

test.serial("the manager starts before PostgreSQL and logs it", async (t) => {
	await manager.stop();
	await manager.cluster.kill();
	await manager.start("the database is not ready, trying again");
	t.deepEqual((await manager.get("/manager/api/health")).body, { ok: true });
	const session = { cookie: await manager.logIn() };
	const alarms = await manager.call("pastAlarms", {}, session);
	t.is(alarms.body.error.code, "databaseUnavailable");
	await manager.cluster.start();
	await manager.logged("the database is ready");
	await t.notThrowsAsync(manager.logIn());
});

test.serial(
	"the manager stops cleanly while it waits for PostgreSQL",
	async (t) => {
		await manager.stop();
		await manager.cluster.kill();
		await manager.start("the database is not ready, trying again");
		t.is(await manager.stop(), 0);
		await manager.cluster.start();
	},
);
