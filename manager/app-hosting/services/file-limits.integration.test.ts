import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { until } from "../../../testing/test-appliance.ts";
import { TestManager } from "../../../testing/test-manager.ts";

// What the manager makes of the kernel's quotas, which a command replaces here.
const manager = await TestManager.create();
const command = join(manager.directory, "app-quotas");
const report = join(manager.directory, "report");
const limits = join(manager.directory, "limits");
let cookie = "";

const call = (operation: string, input: object = {}) =>
	manager.call(operation, input, { cookie });
const fileAlarms = async () =>
	(await call("alarms")).body.alarms.filter(
		({ service }: { service?: string }) => service === "x",
	);
const lastLimit = async () =>
	(await readFile(limits, "utf8").catch(() => "")).trimEnd().split("\n").at(-1);

async function startManager(): Promise<void> {
	await manager.start("the database is ready", {
		MANAGER_APP_QUOTAS_COMMAND: command,
	});
	cookie = await manager.logIn();
}

/** Setting the limit checks the files at once. */
async function setLimit(megabytes: number | null): Promise<void> {
	const { status } = await call("fileLimitChange", { megabytes });
	if (status !== 200) throw new Error(`The limit ${megabytes} is refused`);
}

test.before(async () => {
	await writeFile(
		command,
		`#!/bin/sh
case $1 in
report) cat ${report} ;;
limit) echo "$*" >>${limits} ;;
esac
`,
		{ mode: 0o755 },
	);
	await writeFile(report, "");
	await startManager();
	await manager.query(
		`INSERT INTO service (id, uid, folder, binary_name, title, build, label)
		 VALUES ('x', 2000, 'x', 'x', 'The X', '1', '1')`,
	);
});
test.after.always(() => manager.remove());

test.serial("the limit is set for each app", async (t) => {
	await setLimit(1_024);
	await until("it is set", async () =>
		/^limit 1000000 \d+ 2000$/.test((await lastLimit()) ?? ""),
	);
	t.deepEqual(await fileAlarms(), []);
});

test.serial("a limit that is already set is not set again", async (t) => {
	const [, kib, files] = ((await lastLimit()) ?? "").split(" ");
	await writeFile(report, `2000 850000 5 ${kib} ${files}\n`);
	await setLimit(1_024);
	await until("the alarm is active", async () => (await fileAlarms())[0]);
	t.is((await readFile(limits, "utf8")).trimEnd().split("\n").length, 1);
});

test.serial("an alarm announces the limit from 80 % on", async (t) => {
	const [alarm] = await fileAlarms();
	t.is(alarm.severity, "major");
	t.is(
		alarm.text,
		"The files of The X take more than 80 % of their limit of 1.0 GB, at which it cannot write: delete data in the app, or raise the limit under Settings",
	);
});

test.serial("at the limit it is critical", async (t) => {
	await writeFile(report, "2000 1000000 5 1000000 100\n");
	await setLimit(1_024);
	await until("it is critical", async () => {
		const [alarm] = await fileAlarms();
		return alarm?.severity === "critical";
	});
	t.regex((await fileAlarms())[0].text, /cannot write files/);
});

test.serial("a higher limit clears the alarm", async (t) => {
	await setLimit(2_048);
	await until(
		"the alarm is cleared",
		async () => (await fileAlarms()).length === 0,
	);
	t.regex((await lastLimit()) ?? "", /^limit 2000000 /);
});

test.serial("what an app had before the limit may grow", async (t) => {
	await manager.stop();
	await manager.query("DELETE FROM config WHERE name = 'filesBeforeLimit'");
	await manager.query("DELETE FROM config WHERE name = 'fileMaxMegabytes'");
	const kib = 8_000_000_000;
	await writeFile(report, `2000 ${kib} 5 0 0\n`);
	await startManager();
	await until(
		"the limit is a quarter more",
		async () => (await lastLimit())?.split(" ")[1] === String(kib * 1.25),
	);
	await writeFile(report, `2000 ${kib * 1.2} 5 0 0\n`);
	await manager.stop();
	await startManager();
	await until("the alarm is active", async () => (await fileAlarms())[0]);
	t.is((await lastLimit())?.split(" ")[1], String(kib * 1.25));
});

test.serial("without quotas, the log says so once", async (t) => {
	await manager.stop();
	await writeFile(command, "#!/bin/sh\necho none >&2\nexit 3\n");
	await startManager();
	await manager.logged("the files of apps are not limited");
	await setLimit(16);
	await setLimit(null);
	t.is(
		manager.lines.filter(({ msg }) => /files of apps are not/.test(msg)).length,
		1,
	);
});
