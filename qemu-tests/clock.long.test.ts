import { setTimeout as delay } from "node:timers/promises";
import test from "ava";
import { TestTimeServer } from "../testing/test-time-server.ts";
import { eventually, timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

// A machine that was paused or restored from a snapshot wakes with the old time. Costs some eight minutes.
const minute = 60_000;
const server = await TestTimeServer.create();
const machine = installedMachine(test, {
	...{ name: "clock", isOnline: true, guestAgent: "virtio" },
});
test.after.always(() => server.stop());

/** Returns by how many seconds the guest's clock is ahead of this host's. */
async function aheadSeconds(): Promise<number> {
	const text = await outputOf(machine.console, "date +%s");
	return Number(text) - Date.now() / 1000;
}

function becomesRight(): Promise<true> {
	return eventually(
		"the clock is right",
		async () => (Math.abs(await aheadSeconds()) < 3 ? true : undefined),
		{ timeoutMs: 5 * minute, intervalMs: 5_000 },
	);
}

test.before(async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	await outputOf(
		machine.console,
		`echo '10.0.2.2 port ${server.port}' >/mnt/sda2/system/ntp
		/etc/init.d/S60chrony restart && chronyc waitsync 60 1`,
		{ timeoutMs: 3 * minute },
	);
	// A clock was only stepped during the first three updates.
	await eventually(
		"the clock was updated several times",
		async () => {
			const log = await outputOf(machine.console, "chronyc -c sourcestats");
			return Number(log.split(",")[1]) >= 4 || undefined;
		},
		{ timeoutMs: 5 * minute, intervalMs: 5_000 },
	);
});

test.serial("is right within minutes after a pause", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await machine.qmp.execute("stop");
	await delay(1.5 * minute);
	await machine.qmp.execute("cont");
	t.true((await aheadSeconds()) < -60);
	await becomesRight();
});

test.serial(
	"is right within minutes after a snapshot of days ago",
	async (t) => {
		t.timeout(timeLimit(10 * minute));
		await outputOf(machine.console, "date -s '2 days ago'");
		t.true((await aheadSeconds()) < -24 * 3600);
		await becomesRight();
		t.regex(await loginPage(machine), /App Platform/);
	},
);

test.serial("is set at once by the host", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await outputOf(machine.console, "/etc/init.d/S60chrony stop");
	await outputOf(machine.console, "date -s '2 days ago'");
	await machine.agent.call("guest-set-time", { time: Date.now() * 1e6 });
	t.true(Math.abs(await aheadSeconds()) < 3);
});
