import test from "ava";
import { eventually } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { logins, outputOf } from "./system/steps.ts";

const machine = runningContainer(test, "reserve");
const reserve = "/mnt/sda2/empty_if_no_space";
const megabytes = 500;

test.serial("500 MB are really kept back", async (t) => {
	await machine.console.login(...logins.root);
	await reserveIsMade();
	const allocated = await outputOf(machine.console, `du -k ${reserve}`);
	t.true(Number.parseInt(allocated, 10) >= (megabytes * 1_000_000) / 1024);
});

test.serial("emptied as the documents say, it gives room", async (t) => {
	const before = await freeKilobytes();
	await outputOf(machine.console, "/etc/init.d/S92manager stop");
	await outputOf(machine.console, `echo "" > ${reserve}`);
	await outputOf(machine.console, "/etc/init.d/S50postgresql restart");
	await outputOf(machine.console, "/etc/init.d/S92manager restart");
	const gained = (await freeKilobytes()) - before;
	t.true(gained > megabytes * 900, `${gained} KB gained`);
});

test.serial("emptied, it is not made again", async (t) => {
	await managerLooks("restart");
	t.is((await outputOf(machine.console, `cat ${reserve}`)).trim(), "");
});

test.serial(
	"deleted, it is made again by a restart of the manager",
	async (t) => {
		await outputOf(machine.console, `rm ${reserve}`);
		await outputOf(machine.console, "/etc/init.d/S92manager restart");
		await reserveIsMade();
		t.pass();
	},
);

test.serial("without room it is not made, and the manager runs", async (t) => {
	await outputOf(
		machine.console,
		`/etc/init.d/S92manager stop; rm ${reserve};
		free=$(df -k /mnt/sda2 | awk 'END { print $4 }');
		fallocate -l $((free - 300000))K /mnt/sda2/filler`,
	);
	await managerLooks("start");
	t.not((await machine.console.run(`ls ${reserve}`)).exitCode, 0);
	await outputOf(machine.console, "rm /mnt/sda2/filler");
});

async function reserveIsMade(): Promise<void> {
	await eventually("the reserve is there", async () => {
		const { exitCode } = await machine.console.run(`test -e ${reserve}`);
		return exitCode === 0 || undefined;
	});
}

/** The manager looks at the reserve once at its start, and says in its log what it did. */
async function managerLooks(action: "start" | "restart"): Promise<void> {
	const before = await timesLooked();
	await outputOf(machine.console, `/etc/init.d/S92manager ${action}`);
	await eventually("the manager has looked at the reserve", async () => {
		return (await timesLooked()) > before || undefined;
	});
}

async function timesLooked(): Promise<number> {
	const count = `cat /var/log/apps/manager/* | grep -c '"disk reserve"'`;
	return Number((await machine.console.run(count)).output);
}

async function freeKilobytes(): Promise<number> {
	return Number(
		await outputOf(machine.console, "df -k /mnt/sda2 | awk 'END { print $4 }'"),
	);
}
