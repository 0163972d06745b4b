import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { installNotes } from "./system/notes.ts";
import { killProcess, processes, processId } from "./system/processes.ts";
import { outputOf, residentBytes } from "./system/steps.ts";

// Features that a container cannot test because it runs on the host's kernel: limits, its settings, core dumps, the
// keyboard.
const minute = 60_000;
const machine = runningMachine(test, "kernel");
const swissKeys = /keycode +26 = \+?udiaeresis +\+?egrave/;

test.serial("an app's service has limits", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const createInstance = await installNotes(machine);
	await createInstance("example.com");
	const limits = await outputOf(
		machine.console,
		"cd /sys/fs/cgroup/apps/notes && cat memory.max pids.max",
	);
	const [memory, maxProcesses] = limits.trim().split(/\s+/).map(Number);
	t.true(Number(memory) > 100_000_000 && Number(memory) < 300_000_000);
	t.is(maxProcesses, 200);
});

test.serial("the kernel keeps its secrets from apps", async (t) => {
	const settings = {
		"fs.protected_fifos": "2",
		"fs.protected_hardlinks": "1",
		"fs.protected_regular": "2",
		"fs.protected_symlinks": "1",
		"kernel.dmesg_restrict": "1",
		"kernel.io_uring_disabled": "2",
		"kernel.kptr_restrict": "2",
		"kernel.randomize_va_space": "2",
		"kernel.yama.ptrace_scope": "1",
		"user.max_user_namespaces": "0",
		"net.ipv4.conf.all.accept_redirects": "0",
		"net.ipv4.conf.all.rp_filter": "2",
		"net.ipv4.conf.all.send_redirects": "0",
		"net.ipv4.conf.eth0.accept_source_route": "0",
		"net.ipv4.tcp_syncookies": "1",
		"net.ipv6.conf.eth0.accept_redirects": "0",
	};
	const lines = await outputOf(
		machine.console,
		`sysctl ${Object.keys(settings).join(" ")}`,
	);
	const found = lines.matchAll(/^(\S+) = (\S+)\s*$/gm);
	t.deepEqual(
		Object.fromEntries([...found].map(([, name, value]) => [name, value])),
		settings,
	);
});

for (const { name, process, program, dumps } of [
	{
		...{ name: "an app's service", process: processes.notes },
		...{ program: "/usr/bin/node", dumps: "notes" },
	},
	{
		...{ name: "the manager", process: processes.manager },
		...{ program: "/usr/bin/node", dumps: "manager" },
	},
	{
		...{ name: "HAProxy", process: processes.haproxy },
		...{ program: "/usr/sbin/haproxy", dumps: "haproxy" },
	},
	{
		...{ name: "a process of PostgreSQL", process: "postgres: checkpointer" },
		...{ program: "/usr/bin/postgres", dumps: "postgres" },
	},
])
	test.serial(`a crash of ${name} leaves a compressed core dump`, async (t) => {
		t.timeout(timeLimit(5 * minute));
		const resident = await residentBytes(
			machine.console,
			await processId(machine, process),
		);
		const pid = await killProcess(machine, process, "SEGV");
		const file = await eventually(`a core dump of ${name}`, async () => {
			const { output } = await machine.console.run(
				`ls /var/log/core_dumps/${dumps}/core.${pid}.*[0-9].zst`,
			);
			return /^\/\S+/.exec(output)?.[0];
		});
		const bytes = Number(await outputOf(machine.console, `stat -c %s ${file}`));
		t.true(bytes < resident, `${bytes} bytes for ${resident}`);
		// As documented in docs/rescue.md.
		const backtrace = await outputOf(
			machine.console,
			`cd /home/admin && zstd -d ${file} -o core && gdb ${program} core -ex bt --batch; rm core`,
			{ timeoutMs: 120_000 },
		);
		t.regex(backtrace, /SIGSEGV/);
		t.regex(backtrace, /^#2 /m, backtrace);
	});

test.serial("loadkeys changes the keymap", async (t) => {
	await outputOf(machine.console, "loadkeys de");
	t.regex(await outputOf(machine.console, "dumpkeys"), /keycode +21 = \+?z/);
});

test.serial("loadkeys accepts a country and suggests keymaps", async (t) => {
	await outputOf(machine.console, "loadkeys ch");
	t.regex(await outputOf(machine.console, "dumpkeys"), swissKeys);
	const { exitCode, output } = await machine.console.run("loadkeys nowhere");
	t.not(exitCode, 0);
	t.regex(output, /Similar names: no/);
	t.regex(await outputOf(machine.console, "loadkeys --list"), /^fr_CH$/m);
	t.regex(await outputOf(machine.console, "dumpkeys"), swissKeys);
});

test.serial("the keymap is set at boot", async (t) => {
	await outputOf(machine.console, "/usr/bin/loadkeys -q us");
	t.notRegex(await outputOf(machine.console, "dumpkeys"), swissKeys);
	const start = "/etc/init.d/S02system restart";
	await outputOf(machine.console, start);
	t.regex(await outputOf(machine.console, "dumpkeys"), swissKeys);
	await outputOf(machine.console, "echo '=' > /mnt/sda2/system/keymap");
	t.regex(await outputOf(machine.console, start), /keyboard map/);
});
