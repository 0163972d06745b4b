import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { Client } from "pg";
import { TestAppliance } from "../../../testing/test-appliance.ts";

// A manager that is killed at any step of making or deleting an instance leaves nothing half-made.
const appliance = await TestAppliance.withApp(
	join(import.meta.dirname, "../../../apps/notes"),
);
const { manager } = appliance;
const begin = () => appliance.startManager();
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

/** What can be seen from outside of each step of making the instance `x`. */
const steps: Record<string, () => Promise<boolean>> = {
	"its row is there": async () => (await rows()).length === 1,
	"its user is there": exists(
		"SELECT FROM pg_roles WHERE rolname = 'example.com_x'",
	),
	"its user may log in": exists(
		"SELECT FROM pg_roles WHERE rolname = 'example.com_x' AND rolcanlogin",
	),
	"its database is there": exists(
		"SELECT FROM pg_database WHERE datname = 'example.com_x'",
	),
	"it is made": async () => (await rows())[0]?.state === "ready",
};

async function rows(): Promise<{ id: number; state: string }[]> {
	return (await client.query("SELECT id, state FROM instance")).rows;
}

/** Whether user and database are there exactly when the instance is. */
async function isWhole(): Promise<boolean> {
	const all = await rows();
	const isThere = all.length === 1;
	return (
		all.every(({ state }) => state === "ready") &&
		(await steps["its user may log in"]?.()) === isThere &&
		(await steps["its user is there"]?.()) === isThere &&
		(await steps["its database is there"]?.()) === isThere
	);
}

async function becomesWhole() {
	const end = performance.now() + 20_000;
	while (!(await isWhole())) {
		if (performance.now() > end)
			throw new Error(`half-made: ${JSON.stringify(await rows())}`);
		await turn();
	}
}

/** Kills the manager at the first moment at which that is so. */
async function killWhen(isSo: () => Promise<boolean>) {
	while (!(await isSo())) await turn();
	await manager.stop("SIGKILL");
	await begin();
	await becomesWhole();
}

const create = () =>
	appliance
		.call("instanceCreate", { serviceId, name: "x", domain: "example.com" })
		.catch(() => undefined);

const remove = (id: number | undefined) =>
	appliance.call("instanceDelete", { id, name: "x" }).catch(() => undefined);

for (const [step, isSo] of Object.entries(steps))
	test.serial(`killed when ${step}, and when it goes`, async (t) => {
		t.timeout(120_000);
		const made = create();
		await killWhen(isSo);
		await made;
		if ((await rows()).length === 0) await create();
		await becomesWhole();

		const gone = remove((await rows())[0]?.id);
		await killWhen(async () => !(await isSo()));
		await gone;
		const [left] = await rows();
		if (left) await remove(left.id);
		await becomesWhole();
		t.deepEqual(await rows(), []);
	});
