import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import {
	loginPage,
	logins,
	outputOf,
	postgresqlVersion,
} from "./system/steps.ts";

const machine = runningMachine(test, "services");

const services = [
	{
		name: "PostgreSQL",
		script: "/etc/init.d/S50postgresql",
		process: "postgres -D",
	},
	{
		name: "the manager",
		script: "/etc/init.d/S92manager",
		process: "/apps/manager/manager",
	},
	{ name: "HAProxy", script: "/etc/init.d/S90haproxy", process: "haproxy " },
] as const;

test.serial("root is at the console", async (t) => {
	await machine.console.login(...logins.root);
	t.pass();
});

for (const { name, script, process } of services) {
	test.serial(`${name} is running, says ${script} status`, async (t) => {
		t.is((await machine.console.run(`${script} status`)).exitCode, 0);
		t.not(await processIds(process), "");
	});

	test.serial(`${name} stops and stays stopped`, async (t) => {
		await outputOf(machine.console, `${script} stop`);
		t.is(await processIds(process), "");
		t.is((await machine.console.run(`${script} status`)).exitCode, 3);
	});

	test.serial(`${name} starts again, twice is no error`, async (t) => {
		await outputOf(machine.console, `${script} start`);
		await outputOf(machine.console, `${script} start`);
		t.is((await machine.console.run(`${script} status`)).exitCode, 0);
	});

	test.serial(`${name} restarts as a new process`, async (t) => {
		const before = await processIds(process);
		await outputOf(machine.console, `${script} restart`);
		const after = await processIds(process);
		t.not(after, "");
		t.not(after, before);
	});

	test.serial(`${name} comes back within seconds after kill -9`, async (t) => {
		const before = await processIds(process);
		const [first] = before.split(" ");
		await outputOf(machine.console, `kill -9 ${first}`);
		await eventually(
			`${name} is back`,
			async () => {
				const now = await processIds(process);
				const { exitCode } = await machine.console.run(`${script} status`);
				return exitCode === 0 &&
					now !== "" &&
					!now.split(" ").includes(`${first}`)
					? now
					: undefined;
			},
			{ timeoutMs: 20_000 },
		);
		t.regex(await loginPage(machine, { timeoutMs: 60_000 }), /App Platform/);
	});
}

test.serial("says in plain words when the manager is down", async (t) => {
	await outputOf(machine.console, "/etc/init.d/S92manager stop");
	const response = await machine.fetch("https", "/manager/");
	t.is(response.status, 503);
	t.regex(await response.text(), /not running at the moment/);
	await outputOf(machine.console, "/etc/init.d/S92manager start");
	t.regex(await loginPage(machine), /App Platform/);
});

test.serial("a script refuses what it does not know", async (t) => {
	const { exitCode, output } = await machine.console.run(
		"/etc/init.d/S92manager dance",
	);
	t.not(exitCode, 0);
	t.regex(output, /start\|stop\|restart\|status/);
});

test.serial("the database tools work as the documents say", async (t) => {
	t.timeout(timeLimit(3 * 60_000));
	const version = await postgresqlVersion(machine.console);
	const running = "psql -d manager -At -c 'SHOW server_version'";
	const shown = await outputOf(machine.console, running);
	t.is(/^\S+/.exec(shown)?.[0], version);
	await machine.console.run("cd /; sudo -u postgres vacuumdb -a -f", {
		timeoutMs: 120_000,
	});
	await outputOf(machine.console, "cd /; sudo -u postgres reindexdb -a");
	t.pass();
});

test.serial("a core dump can be taken of a running process", async (t) => {
	const first = (await processIds("haproxy ")).split(" ")[0];
	const { output } = await machine.console.run(
		`cd /tmp && gdb --pid ${first} -ex gcore --batch && ls core.${first}`,
		{ timeoutMs: 120_000 },
	);
	t.regex(output, /Saved corefile|core\.\d+/);
});

/** The process ids of a command line's beginning, oldest first, with blanks between them. */
async function processIds(commandLine: string): Promise<string> {
	// The bracket keeps pgrep's own shell out of the result.
	const pattern = `[${commandLine[0]}]${commandLine.slice(1)}`;
	const { output } = await machine.console.run(`pgrep -f '${pattern}'`);
	return output.trim().split("\n").join(" ");
}
