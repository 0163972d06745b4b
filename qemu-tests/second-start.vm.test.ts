import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { installedMachine } from "./system/base.ts";
import { memoryFigures, report } from "./system/report.ts";
import { loginPage, logins, outputOf } from "./system/steps.ts";

const machine = installedMachine(test, {
	name: "second-start-with-256-mb",
	memoryMB: 256,
	diskController: "virtio-scsi",
});

const quotas = "/usr/lib/app-platform/app-quotas report";

test.serial("boots straight into the system in 256 MB", async (t) => {
	t.timeout(timeLimit(5 * 60_000));
	const start = performance.now();
	await machine.boot();
	await machine.console.expect("Run /sbin/init", {
		unless: /RAMDISK:|Kernel panic/,
	});
	await loginPage(machine);
	const seconds = Math.round((performance.now() - start) / 1000);
	await report("normal start in 256 MB", {
		secondsFromPowerOnToLoginPage: seconds,
	});
	t.pass();
});

test.serial("does not count the files of apps", async (t) => {
	await machine.console.login(...logins.root);
	const log = await outputOf(machine.console, "cat /run/boot.log");
	t.notRegex(log, /files of apps are/);
	t.is(await outputOf(machine.console, quotas), "");
});

test.serial("reports the memory of each process", async (t) => {
	const figures = await memoryFigures(machine.console);
	await report("memory in 256 MB", figures);
	const commands = figures.processes.map(({ command }) => command).join("\n");
	for (const service of ["/apps/manager/manager", "haproxy", "postgres"])
		t.true(commands.includes(service), `${service} runs`);
	const available = figures.availableKilobytes;
	t.true(available > 20_000, `${available} KB are available`);
});

test.serial("was never out of memory", async (t) => {
	const kernel = await outputOf(machine.console, "dmesg");
	t.notRegex(kernel, /Out of memory|oom-kill/i);
});

test.serial("limits connections to what 256 MB allow", async (t) => {
	const ask = `const { connect } = require("net");
		const socket = connect("/run/haproxy/admin.sock");
		socket.end("show info\\n");
		socket.pipe(process.stdout)`;
	const info = await outputOf(
		machine.console,
		`node -e '${ask.replace(/\s+/g, " ")}'`,
	);
	const maxConnections = Number(/^Maxconn: (\d+)$/m.exec(info)?.[1]);
	await report("memory in 256 MB", { maxConnections });
	t.true(
		maxConnections >= 1_000 && maxConnections <= 3_000,
		`${maxConnections} connections`,
	);
});

test.serial("shows the kernel's configuration", async (t) => {
	const config = await outputOf(
		machine.console,
		"zcat /proc/config.gz | grep -E 'VMWARE_PVSCSI|VMXNET3|HYPERV_STORAGE'",
	);
	for (const driver of ["VMWARE_PVSCSI", "VMXNET3", "HYPERV_STORAGE"])
		t.regex(config, new RegExp(`^CONFIG_${driver}=y$`, "m"));
});

test.serial("redirects HTTP to HTTPS on IPv4", async (t) => {
	const response = await machine.fetch("http", "/manager/");
	t.true([301, 302, 307, 308].includes(response.status));
	t.regex(
		response.headers.get("location") ?? "",
		/^https:\/\/[^/]+\/manager\//,
	);
});

test.serial("redirects / to the manager, returns 404 otherwise", async (t) => {
	const root = await machine.fetch("https", "/");
	t.true([301, 302, 307, 308].includes(root.status));
	t.regex(root.headers.get("location") ?? "", /\/manager\/$/);
	t.is((await machine.fetch("https", "/Manager/")).status, 404);
});

test.serial("answers on 80 and 443 over IPv6", async (t) => {
	const plain = await outputOf(
		machine.console,
		"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ::1 80",
	);
	t.regex(plain, /^HTTP\/1\.\d 30\d/);
	const tls = await outputOf(
		machine.console,
		"printf 'GET /manager/ HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -connect [::1]:443 2>/dev/null",
	);
	t.regex(tls, /^HTTP\/1\.\d 302/);
});

test.serial("PostgreSQL does not listen on the network", async (t) => {
	const listening = await outputOf(
		machine.console,
		"cat /proc/net/tcp /proc/net/tcp6",
	);
	const port5432 = /:1538 \S+ 0A /;
	t.notRegex(listening, port5432);
});

test.serial("boots with its data after a power cut", async (t) => {
	t.timeout(timeLimit(5 * 60_000));
	await outputOf(
		machine.console,
		`psql -d manager -c 'CREATE TABLE kept AS SELECT 42 AS answer'
		mkdir /mnt/sda2/apps/x
		chown 2000 /mnt/sda2/apps/x
		cd /mnt/sda2/apps/x
		setpriv --reuid 2000 --clear-groups sh -c '
			head -c 4000000 /dev/zero >open
			head -c 5000000 /dev/zero >kept
			exec sleep 1000 <open' &
		until readlink /proc/$!/fd/0 | grep -q open; do sleep 0.1; done
		rm open
		sync`,
	);
	await machine.cutPower();
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...logins.root);
	const answer = await outputOf(
		machine.console,
		"psql -d manager -At -c 'SELECT answer FROM kept'",
	);
	t.is(answer.trim(), "42");
	// The file that was open without a name is gone, and does not count.
	t.regex(await outputOf(machine.console, quotas), /^2000 488\d 2 0 0\s*$/);
});
