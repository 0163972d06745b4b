import { join } from "node:path";
import test from "ava";
import { TestAppliance, until } from "../../testing/test-appliance.ts";
import type { Alarm } from "./alarm-table.ts";

// A service's alarms across restarts of the manager and outages of PostgreSQL.
const source = join(import.meta.dirname, "../../testing/troublemaker");
const id = "troublemaker";
const appliance = await TestAppliance.withApp(source);
const { manager } = appliance;
let path = "";

test.before(async () => {
	path = await appliance.createInstance(id, "trouble", "password");
	await appliance.waitForStatus(path);
});
test.after.always(() => appliance.remove());

interface PastAlarm extends Alarm {
	endedMs: number;
}

const ofService = (alarms: Alarm[]) =>
	alarms.filter(({ service }) => service === id);
const active = async () => ofService((await appliance.done("alarms")).alarms);
const past = async () =>
	ofService((await appliance.done("pastAlarms")).alarms) as PastAlarm[];
/** The service's alarms in the database. */
const stored = () =>
	manager.query("SELECT text, ended_at FROM alarm WHERE service IS NOT NULL");

/** Has the service send a message to the manager. */
async function send(message: object, times = 1): Promise<void> {
	await appliance.waitForStatus(path);
	await appliance.fetch(`${path}?times=${times}`, {
		method: "POST",
		body: `${JSON.stringify(message)}\n`,
	});
}

const raise = (code: number, text: string) =>
	send({ mt: "RaiseAlarm", code, severity: "major", text });
const clear = (code: number) => send({ mt: "ClearAlarm", code });

async function raiseAndStore(code: number, text: string): Promise<Alarm> {
	await raise(code, text);
	await until("the alarm is stored", async () =>
		(await stored()).some((row) => row.text === text),
	);
	const alarm = (await active()).find((one) => one.text === text);
	if (!alarm) throw new Error(`${text} is not active`);
	return alarm;
}

for (const signal of ["SIGKILL", "SIGTERM"] as const)
	test.serial(`alarms survive ${signal} of the manager`, async (t) => {
		const before = await raiseAndStore(1, `the boiler is cold, ${signal}`);
		await manager.stop(signal);
		await appliance.startManager();
		await until(
			"the alarm is active again",
			async () => (await active()).length === 1,
		);
		t.deepEqual(await active(), [before]);
		// The service raises it again: the same alarm continues.
		await raise(1, "the boiler is still cold");
		await until("the alarm has the new text", async () =>
			(await active()).some(({ text }) => /still/.test(text)),
		);
		t.is((await active())[0]?.sinceMs, before.sinceMs);
		await clear(1);
		await until(
			"the alarm is cleared",
			async () => (await active()).length === 0,
		);
		await until("the alarm is past", async () =>
			(await past()).some(({ sinceMs }) => sinceMs === before.sinceMs),
		);
		const [cleared] = await past();
		t.like(cleared, { code: 0x240001, text: "the boiler is still cold" });
		t.true((cleared?.endedMs ?? 0) >= before.sinceMs);
	});

test.serial("past alarms stay past", async (t) => {
	await manager.stop("SIGKILL");
	await appliance.startManager("the service runs");
	t.deepEqual(await active(), []);
	t.is((await past()).length, 2);
});

test.serial("alarms survive an outage of PostgreSQL", async (t) => {
	await appliance.waitForStatus(path);
	await manager.cluster.kill();
	await raise(2, "the database is down");
	await until("the alarm is active", async () => (await active()).length === 1);
	t.is((await appliance.call("pastAlarms")).status, 503);
	await manager.cluster.start();
	await until("the alarm is stored", async () =>
		(await stored()).some(({ text }) => /database is down/.test(text)),
	);
	await clear(2);
	await until("the alarm is past", async () =>
		(await past()).some(({ code }) => code === 0x240002),
	);
	t.deepEqual(await active(), []);
});

test.serial("unusual characters are stored or replaced", async (t) => {
	await raise(3, "a\0b \ud800 'c' \u202e");
	await until("the alarm is stored", async () =>
		(await stored()).some(({ text }) => /^a b .* 'c'/.test(text)),
	);
	await clear(3);
	await until(
		"the alarm is cleared",
		async () => (await active()).length === 0,
	);
	t.pass();
});

test.serial("only the last 100 alarms of a service are kept", async (t) => {
	await manager.query(
		`INSERT INTO alarm SELECT gen_random_uuid(), '${id}', NULL, 1, 'major', 'old', NULL, now(), now()
		 FROM generate_series(1, 300)`,
	);
	await raiseAndStore(4, "the newest");
	await clear(4);
	await until(
		"the others are deleted",
		async () => (await stored()).length === 100,
	);
	t.is((await past()).length, 100);
	t.is((await past())[0]?.text, "the newest");
});

test.serial(
	"a service that floods the manager with alarms fills neither the log nor the database",
	async (t) => {
		await manager.query("DELETE FROM alarm");
		const on = {
			...{ mt: "RaiseAlarm", code: 4, severity: "major", text: "flapping" },
			details: "x".repeat(9_000),
		};
		const off = { mt: "ClearAlarm", code: 4 };
		const before = manager.lines.length;
		await appliance.fetch(`${path}?times=4500`, {
			method: "POST",
			body: `${JSON.stringify(on)}\n${JSON.stringify(off)}\n`,
		});
		await raise(7, "the last one is shown");
		await until("it is shown", async () =>
			(await active()).some(({ text }) => text === "the last one is shown"),
		);
		const written = JSON.stringify(manager.lines.slice(before));
		t.true(written.length < 50_000, `${written.length} bytes of log`);
		t.regex(written, /too many alarms/);
		await until(
			"the first ones are stored",
			async () => (await stored()).length > 10,
		);
		await clear(7);
		await manager.stop();
		// A manager that ends has stored everything.
		const { length } = await stored();
		t.true(length <= 55, `${length} alarms`);
		await appliance.startManager();
	},
);

test.serial(
	"alarms that a service does not raise again in its first minute are cleared",
	async (t) => {
		t.timeout(180_000);
		await raiseAndStore(5, "this is not raised again");
		await raiseAndStore(6, "this is raised again");
		await manager.stop("SIGKILL");
		await appliance.startManager("the service runs");
		await raise(6, "this is raised again");
		await until(
			"the other alarm is cleared",
			async () => (await past())[0]?.code === 0x240005,
			100_000,
		);
		t.deepEqual(
			(await active()).map(({ code }) => code),
			[0x240006],
		);
	},
);

test.serial(
	"a service with many alarms hides none that the manager raises about it",
	async (t) => {
		const sendAll = async (message: object) => {
			const lines = Array.from({ length: 110 }, (_, index) =>
				JSON.stringify({ ...message, code: 1000 + index }),
			);
			await appliance.waitForStatus(path);
			const body = `${lines.join("\n")}\n`;
			await appliance.fetch(path, { method: "POST", body });
		};
		await sendAll({ mt: "RaiseAlarm", severity: "major", text: "noise" });
		await until("all that it may have", async () => {
			const { length } = await active();
			return length === 100;
		});
		const database = await appliance.database("trouble");
		await database.query(
			"CREATE TABLE filler AS SELECT repeat('x', 1000) FROM generate_series(1, 15000)",
		);
		await database.end();
		await appliance.done("databaseLimitChange", { megabytes: 16 });
		await until("the manager's alarm", async () =>
			(await active()).some(({ text }) => /^The database/.test(text)),
		);
		await appliance.done("databaseLimitChange", { megabytes: null });
		await sendAll({ mt: "ClearAlarm" });
		// The one about the flood stays. The limit's ends once the sizes are checked.
		await until("all others are cleared, also in the database", async () => {
			const rows = await stored();
			const remaining = (await active()).map(({ code }) => code);
			return (
				rows.filter(({ ended_at }) => ended_at === null).length === 1 &&
				remaining.length === 1 &&
				remaining[0] === 0x240006
			);
		});
		t.pass();
	},
);

test.serial(
	"alarms of a service that was uninstalled before a crash are cleared",
	async (t) => {
		await manager.stop("SIGKILL");
		await manager.query(`DELETE FROM instance; DELETE FROM service`);
		await appliance.startManager();
		// The manager loads the service's alarms after its start.
		await until(
			"the alarm is cleared",
			async () => (await past())[0]?.code === 0x240006,
		);
		t.deepEqual(await active(), []);
	},
);
