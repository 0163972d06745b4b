import { join } from "node:path";
import { setImmediate as nextTick } from "node:timers/promises";
import test from "ava";
import { Client } from "pg";
import { TestAppliance } from "../../../testing/test-appliance.ts";

// A manager that is killed at any step of creating or deleting an instance completes or undoes it.
const appliance = await TestAppliance.withApp(
	join(import.meta.dirname, "../../../apps/notes"),
);
const { manager } = appliance;
const restart = () => appliance.startManager();
const serviceId = "app-platform_notes";
const client = new Client({
	host: manager.cluster.host,
	user: manager.cluster.user,
	database: "manager",
});

test.before(() => client.connect());
test.after.always(async () => {
	await client.end();
	await appliance.remove();
});

const exists = (sql: string) => async () =>
	(await client.query(sql)).rowCount === 1;

/** The externally visible result of each step of creating the instance `x`. */
const steps: Record<string, () => Promise<boolean>> = {
	"its row exists": async () => (await rows()).length === 1,
	"its user exists": exists(
		"SELECT FROM pg_roles WHERE rolname = 'example.com_x'",
	),
	"its user may log in": exists(
		"SELECT FROM pg_roles WHERE rolname = 'example.com_x' AND rolcanlogin",
	),
	"its database exists": exists(
		"SELECT FROM pg_database WHERE datname = 'example.com_x'",
	),
	"it is ready": async () => (await rows())[0]?.state === "ready",
};

async function rows(): Promise<{ id: number; state: string }[]> {
	return (await client.query("SELECT id, state FROM instance")).rows;
}

/** Whether user and database exist if and only if the instance does. */
async function isConsistent(): Promise<boolean> {
	const all = await rows();
	const hasInstance = all.length === 1;
	return (
		all.every(({ state }) => state === "ready") &&
		(await steps["its user may log in"]?.()) === hasInstance &&
		(await steps["its user exists"]?.()) === hasInstance &&
		(await steps["its database exists"]?.()) === hasInstance
	);
}

async function waitUntilConsistent() {
	const end = performance.now() + 20_000;
	while (!(await isConsistent())) {
		if (performance.now() > end)
			throw new Error(`inconsistent: ${JSON.stringify(await rows())}`);
		await nextTick();
	}
}

/** Kills the manager as soon as the condition is met. */
async function killWhen(condition: () => Promise<boolean>) {
	while (!(await condition())) await nextTick();
	await manager.stop("SIGKILL");
	await restart();
	await waitUntilConsistent();
}

const create = () =>
	appliance
		.call("instanceCreate", { serviceId, name: "x", domain: "example.com" })
		.catch(() => undefined);

const remove = (id: number | undefined) =>
	appliance.call("instanceDelete", { id, name: "x" }).catch(() => undefined);

for (const [step, condition] of Object.entries(steps))
	test.serial(`killed when ${step}, and when no longer`, async (t) => {
		t.timeout(120_000);
		const created = create();
		await killWhen(condition);
		await created;
		if ((await rows()).length === 0) await create();
		await waitUntilConsistent();

		const removed = remove((await rows())[0]?.id);
		await killWhen(async () => !(await condition()));
		await removed;
		const [left] = await rows();
		if (left) await remove(left.id);
		await waitUntilConsistent();
		t.deepEqual(await rows(), []);
	});
