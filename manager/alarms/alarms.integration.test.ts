import { join } from "node:path";
import test from "ava";
import { TestAppliance, until } from "../../testing/test-appliance.ts";
import type { Alarm } from "./table.ts";

// Alarms of a service, and what becomes of them when the manager or PostgreSQL is away.
const source = join(import.meta.dirname, "../../testing/troublemaker");
const id = "troublemaker";
const appliance = await TestAppliance.withApp(source);
const { manager } = appliance;
let path = "";

test.before(async () => {
	path = await appliance.createInstance(id, "trouble", "password");
	await appliance.answers(path);
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
/** In the database. */
const stored = () =>
	manager.query("SELECT text, ended_at FROM alarm WHERE service IS NOT NULL");

/** The service says this to the manager. */
async function say(message: object, times = 1): Promise<void> {
	await appliance.answers(path);
	await appliance.fetch(`${path}?times=${times}`, {
		method: "POST",
		body: `${JSON.stringify(message)}\n`,
	});
}

const raise = (code: number, text: string) =>
	say({ mt: "RaiseAlarm", code, severity: "major", text });
const clear = (code: number) => say({ mt: "ClearAlarm", code });

async function raised(code: number, text: string): Promise<Alarm> {
	await raise(code, text);
	await until("it is stored", async () =>
		(await stored()).some((row) => row.text === text),
	);
	const alarm = (await active()).find((one) => one.text === text);
	if (!alarm) throw new Error(`${text} is not active`);
	return alarm;
}

for (const signal of ["SIGKILL", "SIGTERM"] as const)
	test.serial(`alarms outlive ${signal} of the manager`, async (t) => {
		const before = await raised(1, `the boiler is cold, ${signal}`);
		await manager.stop(signal);
		await appliance.startManager();
		await until("it is back", async () => (await active()).length === 1);
		t.deepEqual(await active(), [before]);
		// The service says so itself by now, and the same alarm goes on.
		await raise(1, "the boiler is still cold");
		await until("it has the new words", async () =>
			(await active()).some(({ text }) => /still/.test(text)),
		);
		t.is((await active())[0]?.sinceMs, before.sinceMs);
		await clear(1);
		await until("it is over", async () => (await active()).length === 0);
		await until("it is history", async () =>
			(await past()).some(({ sinceMs }) => sinceMs === before.sinceMs),
		);
		const [over] = await past();
		t.like(over, { code: 0x240001, text: "the boiler is still cold" });
		t.true((over?.endedMs ?? 0) >= before.sinceMs);
	});

test.serial("what is over stays over", async (t) => {
	await manager.stop("SIGKILL");
	await appliance.startManager("the service runs");
	t.deepEqual(await active(), []);
	t.is((await past()).length, 2);
});

test.serial("PostgreSQL may be away meanwhile", async (t) => {
	await appliance.answers(path);
	await manager.cluster.kill();
	await raise(2, "nobody can write this down");
	await until("it is raised", async () => (await active()).length === 1);
	t.is((await appliance.call("pastAlarms")).status, 503);
	await manager.cluster.start();
	await until("it is stored", async () =>
		(await stored()).some(({ text }) => /write this down/.test(text)),
	);
	await clear(2);
	await until("it is history", async () =>
		(await past()).some(({ code }) => code === 0x240002),
	);
	t.deepEqual(await active(), []);
});

test.serial("strange characters harm nobody", async (t) => {
	await raise(3, "a\0b \ud800 'c' \u202e");
	await until("it is stored", async () =>
		(await stored()).some(({ text }) => /^a b .* 'c'/.test(text)),
	);
	await clear(3);
	await until("it is over", async () => (await active()).length === 0);
	t.pass();
});

test.serial("without end, only the last hundred are kept", async (t) => {
	const on = { mt: "RaiseAlarm", code: 4, severity: "major", text: "flapping" };
	const off = { mt: "ClearAlarm", code: 4 };
	await appliance.fetch(`${path}?times=300`, {
		method: "POST",
		body: `${JSON.stringify(on)}\n${JSON.stringify(off)}\n`,
	});
	await until("they are stored", async () => {
		const rows = await stored();
		return rows.length === 100 && rows.every(({ text }) => text === "flapping");
	});
	t.is((await past()).length, 100);
});

test.serial(
	"what a service does not raise again in its first minute is over",
	async (t) => {
		t.timeout(180_000);
		await raised(5, "this will not be said again");
		await raised(6, "this will");
		await manager.stop("SIGKILL");
		await appliance.startManager("the service runs");
		await raise(6, "this will");
		await until(
			"the other one is over",
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
	"alarms go with their service, also when it went in between",
	async (t) => {
		await manager.stop("SIGKILL");
		await manager.query(`DELETE FROM instance; DELETE FROM service`);
		await appliance.startManager();
		// At its start the manager knows of none yet.
		await until("it is over", async () => (await past())[0]?.code === 0x240006);
		t.deepEqual(await active(), []);
	},
);
