import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import {
	loginPage,
	logins,
	outputOf,
	postgresqlVersion,
	residentBytes,
} from "./system/steps.ts";

const machine = runningContainer(test, "services");

const postgresql = {
	name: "PostgreSQL",
	script: "/etc/init.d/S50postgresql",
	process: "postgres -D",
};
const manager = {
	name: "the manager",
	script: "/etc/init.d/S92manager",
	process: "/apps/manager/manager",
};
const haproxy = {
	name: "HAProxy",
	script: "/etc/init.d/S90haproxy",
	process: "haproxy ",
};
const services = [postgresql, manager, haproxy];

test.serial("root logs in at the console", async (t) => {
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

	test.serial(`${name} starts, and a second start is no error`, async (t) => {
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

test.serial("shows a message when the manager is down", async (t) => {
	await outputOf(machine.console, "/etc/init.d/S92manager stop");
	const response = await machine.fetch("https", "/manager/");
	t.is(response.status, 503);
	t.regex(await response.text(), /not running at the moment/);
	await outputOf(machine.console, "/etc/init.d/S92manager start");
	t.regex(await loginPage(machine), /App Platform/);
});

test.serial("a script refuses unknown actions", async (t) => {
	const { exitCode, output } = await machine.console.run(
		"/etc/init.d/S92manager dance",
	);
	t.not(exitCode, 0);
	t.regex(output, /start\|stop\|restart\|status/);
});

test.serial("the database tools work as documented", async (t) => {
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

for (const { name, process, program, runs } of [
	{ ...manager, program: "/usr/bin/node", runs: 2 },
	{ ...haproxy, program: "/usr/sbin/haproxy", runs: 1 },
	{ ...postgresql, program: "/usr/bin/postgres", runs: 1 },
])
	test.serial(
		`gdb saves a core file of ${name} no larger than its memory`,
		async (t) => {
			t.timeout(timeLimit(5 * 60_000));
			const [pid = ""] = (await processIds(process)).split(" ");
			const resident = await residentBytes(machine.console, pid);
			for (let run = 1; run <= runs; run++) {
				const said = await outputOf(
					machine.console,
					`cd /home/admin && gdb --pid ${pid} -ex gcore --batch`,
					{ timeoutMs: 120_000 },
				);
				t.regex(said, new RegExp(`Saved corefile core\\.${pid}`));
				const file = `/home/admin/core.${pid}`;
				const sizes = await outputOf(
					machine.console,
					`stat -c %s ${file}; du -k ${file} | cut -f 1`,
				);
				const [bytes = 0, onDiskKB = 0] = sizes.trim().split("\n").map(Number);
				t.true(bytes > 0 && bytes <= 2 * resident, `${bytes} for ${resident}`);
				t.true(onDiskKB * 1024 <= 2 * resident, `${onDiskKB} KB on disk`);
			}
			const backtrace = await outputOf(
				machine.console,
				`cd /home/admin && gdb ${program} core.${pid} -ex bt --batch; rm core.${pid}`,
				{ timeoutMs: 120_000 },
			);
			t.regex(backtrace, /^#2 /m, backtrace);
			t.is(
				(
					await outputOf(machine.console, `cat /proc/${pid}/coredump_filter`)
				).trim(),
				"00000033",
			);
		},
	);

// Hyper-V is not to be had here: a pipe takes the place of its channel, and the daemon gets its own greeting back.
test.serial("Hyper-V's daemon runs where its host offers it", async (t) => {
	const { console } = machine;
	t.is(await processIds("hv_kvp_daemon -n"), "");
	await outputOf(console, "mkdir -p /dev/vmbus; mkfifo /dev/vmbus/hv_kvp");
	await outputOf(console, "/etc/init.d/S64guest-agents restart");
	await outputOf(console, "/etc/init.d/S64guest-agents status");
	t.not(await processIds("hv_kvp_daemon -n"), "");
	const answers = await outputOf(
		console,
		`cd /usr/libexec/hypervkvpd && ./hv_get_dhcp_info eth0 && ./hv_get_dns_info
		/etc/init.d/S64guest-agents stop; rm -r /dev/vmbus`,
	);
	t.regex(answers, /^(En|Dis)abled\r?\n\d+\.\d+\.\d+/);
	t.is(await processIds("hv_kvp_daemon -n"), "");
});

/** Returns the ids of processes whose command line starts like this, oldest first, separated by spaces. */
async function processIds(commandLine: string): Promise<string> {
	// The bracket keeps pgrep's own shell out of the result.
	const pattern = `[${commandLine[0]}]${commandLine.slice(1)}`;
	const { output } = await machine.console.run(`pgrep -f '${pattern}'`);
	return output.trim().split("\n").join(" ");
}
