import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { eventually, temporaryDirectory, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { installHostile, neighbour, type RunAsApp } from "./system/hostile.ts";
import { notesPage } from "./system/notes.ts";
import {
	loginPage,
	loginsOf,
	managerPassword,
	managerSession,
	outputOf,
	post,
} from "./system/steps.ts";

// What an app that somebody has broken into can see and reach. What it can use up: app-attacks.long.test.ts.
const minute = 60_000;
const machine = runningContainer(test, "app-isolation");
let runAsApp: RunAsApp;

test.serial("two apps run", async (t) => {
	t.timeout(timeLimit(5 * minute));
	runAsApp = await installHostile(machine);
	await notesPage(machine, neighbour);
	t.regex((await runAsApp("id -u; id -G")).output, /^2001\s+2001\s*$/);
});

test.serial("system calls that no app needs are refused", async (t) => {
	const directory = temporaryDirectory();
	t.teardown(() => directory.remove());
	const program = join(directory.path, "calls");
	const source = join(import.meta.dirname, "../testing/hostile/calls.c");
	execFileSync("gcc", ["-static", "-D_GNU_SOURCE", "-o", program, source]);
	const ssh = await machine.ssh(...loginsOf(machine).admin);
	await ssh.writeFile("/tmp/calls", await readFile(program));
	ssh.close();
	await outputOf(
		machine.console,
		"install -m 755 /tmp/calls /mnt/sda2/apps/hostile/calls",
	);
	t.deepEqual((await runAsApp("./calls")).output.trim().split("\n"), [
		...["unshare EPERM", "clone EPERM", "clone3 ENOSYS"],
		...["io_uring_setup ENOSYS", "bpf EPERM", "perf_event_open EPERM"],
		...["userfaultfd EPERM", "add_key EPERM", "mount EPERM"],
		...["AF_ALG EAFNOSUPPORT", "AF_VSOCK EAFNOSUPPORT"],
		...["AF_INET allowed", "AF_UNIX allowed"],
	]);
	t.not((await runAsApp("unshare -U true")).exitCode, 0);
});

test.serial("an app sees its own processes only", async (t) => {
	const { output } = await runAsApp(
		"stat -c %u /proc/[0-9]* | sort -u; grep -c processor /proc/cpuinfo; grep MemTotal /proc/meminfo",
	);
	t.regex(output, /^2001\s+[1-9]\d*\s+MemTotal: /);
	t.not((await runAsApp("ls /proc/1")).exitCode, 0);
});

test.serial("an app connects to nothing on this machine", async (t) => {
	const connect = async (host: string, port: number) =>
		(
			await runAsApp(`node -e '
				const socket = require("net").connect({ host: "${host}", port: ${port} });
				socket.on("connect", () => { console.log("connected"); process.exit(); });
				socket.on("error", ({ code }) => { console.log(code); process.exit(); });'`)
		).output.trim();
	const own = (
		await outputOf(
			machine.console,
			'ip -4 -o address show dev eth0 | awk \'{ sub("/.*", "", $4); print $4; exit }\'',
		)
	).trim();
	for (const host of ["127.0.0.1", "127.0.0.2", "::1", own])
		for (const port of [22, 80, 443])
			t.is(await connect(host, port), "ECONNREFUSED", `${host}:${port}`);
	await notesPage(machine, neighbour);
	// Root still can.
	await outputOf(machine.console, "nc 127.0.0.1 22 </dev/null | grep SSH");
});

test.serial(
	"wrong rules of the owner stop no app, and are named",
	async (t) => {
		const file = "/mnt/sda2/system/apps-wrong.nft";
		await outputOf(machine.console, `echo 'tcp port 22 accept' >${file}`);
		t.teardown(() => machine.console.run(`rm ${file}`));
		await outputOf(
			machine.console,
			"nft flush table inet apps && /etc/init.d/S92manager restart",
		);
		await loginPage(machine);
		await notesPage(machine, neighbour);
		t.regex(
			await outputOf(machine.console, "nft list table inet apps"),
			/skuid 2000-65533 jump own_addresses/,
		);
		await eventually("the log names the file", async () => {
			const { exitCode } = await machine.console.run(
				`grep '${file} is ignored: syntax error' /var/log/messages`,
			);
			return exitCode === 0 || undefined;
		});
		const call = await managerSession(machine);
		await eventually("the alarm names the file", async () => {
			const { alarms } = (await call("alarms")) as {
				alarms: { text: string }[];
			};
			return alarms.some(({ text }) => text.includes(file)) || undefined;
		});
	},
);

test.serial("others' logs are not readable", async (t) => {
	const { output } = await runAsApp(
		"for path in /var/log /var/log/apps /var/log/messages /mnt/sda2/log/apps/notes/current /var/log/core_dumps; do [ -r $path ] && echo $path; done; true",
	);
	t.is(output.trim(), "");
	const modes = await outputOf(
		machine.console,
		"stat -c '%a %U' /mnt/sda2/log /mnt/sda2/log/apps /mnt/sda2/log/apps/* /mnt/sda2/log/core_dumps",
	);
	for (const line of modes.trim().split("\n"))
		t.is(line.trim(), "750 root", modes);
	const ssh = await machine.ssh(...loginsOf(machine).admin);
	t.is((await ssh.run("ls /var/log/messages")).exitCode, 0);
	ssh.close();
});

test.serial("an app writes only to its own directories", async (t) => {
	const { output } = await runAsApp(
		`find / -path /proc -prune -o -type d -exec test -w {} \\; -print 2>/dev/null
		for directory in /var/tmp /dev/shm; do touch $directory/hostile; done`,
	);
	t.deepEqual(output.trim().split("\n").sort(), [
		...["/dev/shm", "/mnt/sda2/apps/hostile/instances/2"],
		...["/run/apps/hostile", "/tmp", "/var/tmp"],
	]);
	for (const path of ["/var/tmp/hostile", "/dev/shm/hostile"])
		t.not((await machine.console.run(`ls ${path}`)).exitCode, 0);
	await runAsApp("dd if=/dev/zero of=/run/apps/hostile/fill bs=64k");
	await outputOf(
		machine.console,
		"dd if=/dev/zero of=/run/probe bs=1M count=8 && rm /run/probe",
	);
	await runAsApp("rm /run/apps/hostile/fill");
});

test.serial("an app's semaphores are not the system's", async (t) => {
	const shared = "cat /proc/sysvipc/shm | wc -l";
	t.is((await runAsApp(shared)).output.trim(), "1");
	t.true(Number(await outputOf(machine.console, shared)) > 1);
});

test.serial(
	"a disk that an app has filled stops neither PostgreSQL nor the login",
	async (t) => {
		t.timeout(timeLimit(5 * minute));
		const { output } = await runAsApp(
			`cd instances/2 && count=0
		while fallocate -l 1G fill$count; do count=$((count + 1)); done
		dd if=/dev/zero of=rest bs=64k`,
		);
		t.regex(output, /No space left/);
		await outputOf(
			machine.console,
			"psql -d manager -c 'CREATE TABLE filler AS SELECT generate_series(1, 100000)' -c CHECKPOINT",
		);
		await managerSession(machine);
	},
);

test.serial(
	"the login works on the full disk without PostgreSQL",
	async (t) => {
		t.timeout(timeLimit(5 * minute));
		const logIn = async (password: string) => {
			const body = JSON.stringify({ password });
			return (await post(machine, "login", { body })).status;
		};
		await outputOf(machine.console, "/etc/init.d/S50postgresql stop");
		t.is(await logIn(managerPassword), 200);
		await outputOf(machine.console, "/etc/init.d/S92manager restart", {
			timeoutMs: 2 * minute,
		});
		await loginPage(machine);
		t.is(await logIn(managerPassword), 200);
		t.is(await logIn("wrong"), 401);
	},
);
