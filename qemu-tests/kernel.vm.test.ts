import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { installNotes } from "./system/notes.ts";
import { killProcess, processes, processId } from "./system/processes.ts";
import { managerSession, outputOf, residentBytes } from "./system/steps.ts";

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

/** Writes as the user of an app. */
const writeAsApp = (file: string, megabytes: number) =>
	`setpriv --reuid 2000 --regid 2000 --clear-groups dd if=/dev/zero of=${file} bs=64k count=${megabytes * 16}`;

const quotaReport = async () => {
	const report = "/usr/lib/app-platform/app-quotas report";
	const line = await outputOf(machine.console, report);
	const [uid, kib, files, maxKib, maxFiles] = line
		.trim()
		.split(" ")
		.map(Number);
	return { uid, kib, files, maxKib, maxFiles };
};

test.serial("an app that fills the disk comes to its limit", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const filler = "/mnt/sda2/apps/notes/instances/1/filler";
	const call = await managerSession(machine);
	const setLimit = async (megabytes: number | null) => {
		await call("fileLimitChange", { megabytes });
	};
	const alarm = async () => {
		const { alarms } = (await call("alarms")) as {
			alarms: { service?: string; severity: string; text: string }[];
		};
		return alarms.find(({ text }) => /cannot write files/.test(text));
	};
	const { maxKib: half = 0, maxFiles = 0 } = await quotaReport();
	t.true(half > 6e6 && half < 8e6, `${half} KiB`);
	t.true(maxFiles > 100_000, `${maxFiles} files`);
	await setLimit(16);
	await eventually(
		"the limit is set",
		async () => (await quotaReport()).maxKib === 15_625 || undefined,
	);
	const { exitCode, output } = await machine.console.run(
		writeAsApp(filler, 20),
	);
	t.is(exitCode, 1);
	t.regex(output, /Disk quota exceeded/);
	await outputOf(
		machine.console,
		// What waits in memory counts for the app already, but is not reported.
		"psql -d manager -c 'CREATE TABLE more AS SELECT generate_series(1, 1000000)' && sync",
	);
	await setLimit(16);
	const raised = await eventually("the alarm is active", alarm);
	t.like(raised, { service: "app-platform_notes", severity: "critical" });
	await outputOf(machine.console, `rm ${filler}`);
	await setLimit(null);
	await eventually(
		"the alarm is cleared",
		async () => (await alarm()) === undefined || undefined,
	);
	t.is((await quotaReport()).maxKib, half);
});

test.serial("files that another system writes are counted", async (t) => {
	t.timeout(timeLimit(5 * minute));
	// A disk of its own in place of sda2, seen by this script only.
	const output = await outputOf(
		machine.console,
		`cat >/tmp/quotas.sh <<'END'
		cd /
		umount -l /mnt/sda2
		mkfs.ext4 -q /tmp/disk 40M
		start() {
			e2fsck -p /tmp/disk >/tmp/check
			mount -o loop,usrjquota=aquota.user,jqfmt=vfsv1 /tmp/disk /mnt/sda2
			mkdir -p /mnt/sda2/system
			/usr/lib/app-platform/app-quotas enable "$(awk '$2 == "/mnt/sda2" { print $1 }' /proc/mounts)" /tmp/check
			/usr/lib/app-platform/app-quotas report
		}
		echo first
		start
		/usr/lib/app-platform/app-quotas limit 30000 20 2000
		mkdir /mnt/sda2/app
		chown 2000 /mnt/sda2/app
		${writeAsApp("/mnt/sda2/app/one", 3)} 2>/dev/null
		umount /mnt/sda2
		echo second
		start
		umount /mnt/sda2
		echo after another system
		mount -o loop /tmp/disk /mnt/sda2
		${writeAsApp("/mnt/sda2/app/two", 5)} 2>/dev/null
		umount /mnt/sda2
		start
		umount /mnt/sda2
		echo damaged
		mount -o loop /tmp/disk /mnt/sda2
		chattr -i /mnt/sda2/aquota.user
		head -c 7000 /dev/urandom >/mnt/sda2/aquota.user
		umount /mnt/sda2
		start
		umount /mnt/sda2
		rm /tmp/disk
END
		unshare --mount sh -eu /tmp/quotas.sh; rm /tmp/quotas.sh`,
		{ timeoutMs: 2 * minute },
	);
	t.deepEqual(output.trim().split(/\s*\n/), [
		...["first", "The files of apps are counted"],
		...["second", "2000 3073 2 30000 20"],
		...["after another system", "The files of apps are counted"],
		...["2000 8193 3 30000 20", "damaged"],
		...["The files of apps are counted", "2000 8193 3 0 0"],
	]);
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

test.serial("setip creates a VLAN and deletes it", async (t) => {
	await outputOf(machine.console, "setip --vlan=5 --addr=10.5.0.2/24");
	const link = await outputOf(machine.console, "ip -d link show eth0.5");
	t.regex(link, /vlan protocol 802\.1Q id 5/);
	t.regex(
		await outputOf(machine.console, "setip --show"),
		/^eth0\.5 .*\n.*10\.5\.0\.2\/24 \(fixed\)/m,
	);
	await outputOf(machine.console, "setip --vlan=5 --off");
	t.not((await machine.console.run("ip link show eth0.5")).exitCode, 0);
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
