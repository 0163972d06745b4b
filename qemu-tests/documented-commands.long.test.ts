import { execFile } from "node:child_process";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { TestAuthority } from "../testing/test-authority.ts";
import {
	builtUpdate,
	type Console,
	eventually,
	temporaryDirectory,
	timeLimit,
} from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { runOnHost } from "./system/host-shell.ts";
import type { OwnerData } from "./system/owner-data.ts";
import { createOwnerState, readOwnerState } from "./system/owner-data.ts";
import { killProcess, processes } from "./system/processes.ts";
import { enterRescue, powerCycleAfterReboot } from "./system/rescue.ts";
import {
	loginPage,
	loginsOf,
	managerCookie,
	managerPassword,
	managerSession,
	outputOf,
	post,
	setClock,
	setLoginsOf,
} from "./system/steps.ts";
import {
	nextBuild,
	runningBuild,
	waitForRescueInstall,
} from "./system/update.ts";

// Types the commands that README.md, docs/ and the public text document for administrators and that no other test types,
// exactly as documented. documented-commands/typed-by.json lists which test types which command.
const minute = 60_000;
const machine = runningMachine(test, "documented-commands");
const database = "example.com_notes";
const newPassword = "by-Passwd-1";
const reserve = "/mnt/sda2/empty_if_no_space";
let kept: OwnerData;

/** Runs a command at the console, where root is logged in. */
const typed = (command: string, timeoutMs = 2 * minute) =>
	outputOf(machine.console, command, { timeoutMs });

test.serial("the machine has an owner's state", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await createOwnerState(machine);
	await setClock(machine.console);
	kept = await readOwnerState(machine);
	t.pass();
});

test.serial("the address is set to a fixed one and back to DHCP", async (t) => {
	t.timeout(timeLimit(5 * minute));
	t.regex(await typed("ip address"), /inet 10\.0\.2\.15\/24/);
	await typed(
		"setip --addr=192.0.2.10 --mask=255.255.255.0 --gateway=192.0.2.1 --dns1=192.0.2.1",
	);
	await typed(
		"setip --addr=192.0.2.10/24 --gateway=192.0.2.1 --dns1=192.0.2.1",
	);
	t.regex(await typed("ip address"), /inet 192\.0\.2\.10\/24/);
	await typed("setip --dhcp");
	await eventually("the address by DHCP", async () =>
		(await typed("ip address")).includes("10.0.2.15/24") ? true : undefined,
	);
	await loginPage(machine);
});

test.serial("passwords are changed at the console", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await answer(machine.console, "passwd root", newPassword, newPassword);
	await answer(machine.console, "passwd admin", newPassword, newPassword);
	const ssh = await machine.ssh("admin", newPassword);
	const terminal = await ssh.terminal();
	await terminal.expect(/\$ *$/);
	await answer(terminal, "su - root", newPassword);
	t.is((await outputOf(terminal, "id -u")).trim(), "0");
	ssh.close();
});

test.serial("admin copies all logs", async (t) => {
	t.timeout(timeLimit(8 * minute));
	const ssh = await machine.ssh("admin", newPassword);
	const files = async () => {
		const directory = temporaryDirectory();
		const archive = join(directory.path, "log.tar.xz");
		await writeFile(archive, await ssh.readFile("/home/admin/log.tar.xz"));
		const { stdout } = await promisify(execFile)("tar", ["-tJf", archive]);
		directory.remove();
		return stdout;
	};
	await killProcess(machine, processes.notes, "SEGV");
	await waitForCoreDump();
	await typed(
		`cd /home/admin
		tar -cf - /var/log/* | xz -z - > log.tar.xz
		chown admin:admin /home/admin/log.tar.xz`,
		5 * minute,
	);
	t.regex(await files(), /^var\/log\/apps\/manager\/current$/m);
	t.regex(await files(), /^var\/log\/core_dumps\/notes\/core/m);
	await typed(
		`cd /home/admin
		tar -cf - --exclude=/var/log/core_dumps/* /var/log/* | xz -z - > log.tar.xz`,
		5 * minute,
	);
	t.regex(await files(), /^var\/log\/apps\/manager\/current$/m);
	t.notRegex(await files(), /core_dumps\/./);
	await typed("rm /home/admin/log.tar.xz");
	ssh.close();
});

test.serial("old core dumps are deleted", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await typed("rm -f /mnt/sda2/log/core_dumps/*/*");
	t.is(await coreDumps(), "");
	await typed("/etc/init.d/S92manager restart");
	await loginPage(machine);
});

test.serial("a memory dump of the running manager is created", async (t) => {
	t.timeout(timeLimit(15 * minute));
	const [line = ""] = (
		await typed("ps aux | grep /apps/manager/manager | grep -v grep")
	).split("\n");
	const pid = /^\S+\s+(\d+)\s/.exec(line)?.[1];
	t.truthy(pid, line);
	await typed(`gdb --pid ${pid} -ex gcore --batch`, 10 * minute);
	const kilobytes = Number.parseInt(await typed(`du -k core.${pid}`), 10);
	t.true(kilobytes > 10_000, `${kilobytes} KB`);
	t.true(kilobytes < 500_000, `${kilobytes} KB`);
	await typed(`rm core.${pid}`);
});

test.serial("the core dump of a crashed manager is opened", async (t) => {
	t.timeout(timeLimit(10 * minute));
	await killProcess(machine, processes.manager, "SEGV");
	const dump = await eventually("its core dump", async () =>
		/core_dumps\/manager\/core\.(\d+)\.(\d+)\.zst$/m.exec(await coreDumps()),
	);
	const [, pid, seconds] = dump ?? [];
	machine.console.skip();
	machine.console.send(
		`zstd -d /var/log/core_dumps/manager/core.${pid}.${seconds}.zst -o core && gdb /usr/bin/node core -ex bt\n`,
	);
	const [shown] = await machine.console.expect(/#0 .*(\(gdb\)|paging--) *$/s, {
		timeoutMs: 5 * minute,
	});
	// gdb pages output that exceeds the screen; q ends that.
	machine.console.send(
		shown.trim().endsWith("paging--") ? "q\nquit\n" : "quit\n",
	);
	await machine.console.expect(/[#] *$/);
	await typed("rm core");
	await loginPage(machine);
	t.pass();
});

test.serial("packets are recorded until Ctrl-C", async (t) => {
	machine.console.skip();
	machine.console.send("tcpdump -i eth0 -w /home/root/trace.pcap\n");
	await machine.console.expect(/listening on eth0/);
	machine.console.send("\u0003");
	await machine.console.expect(/packets captured/);
	await machine.console.expect(/[#] *$/);
	await typed("tcpdump -r /home/root/trace.pcap && rm /home/root/trace.pcap");
	t.pass();
});

test.serial("files set the time and name servers", async (t) => {
	await typed(
		`printf '%s\\n' 0.pool.ntp.org 192.0.2.123 > /mnt/sda2/system/ntp
		/etc/init.d/S60chrony restart`,
	);
	t.regex(await typed("chronyc -n sources"), /192\.0\.2\.123/);
	await typed(
		`printf '%s\\n' 192.0.2.53 2001:db8::53 > /mnt/sda2/system/dns
		/etc/init.d/S40network restart`,
	);
	t.regex(
		await typed("cat /etc/resolv.conf"),
		/nameserver 192\.0\.2\.53\s+nameserver 2001:db8::53/,
	);
	await typed("rm /mnt/sda2/system/ntp /mnt/sda2/system/dns");
});

test.serial("databases are shrunk", async (t) => {
	t.timeout(timeLimit(15 * minute));
	const size = () => typed("du -sh /mnt/sda2/pgsql/");
	t.regex(await size(), /^[\d.]+M\s/);
	await typed("/etc/init.d/S92manager stop");
	await typed("sudo -u postgres reindexdb -a", 5 * minute);
	await typed("sudo -u postgres vacuumdb -a -f", 5 * minute);
	await typed("/etc/init.d/S92manager restart");
	await typed(`sudo -u postgres reindexdb -d ${database}`, 5 * minute);
	await typed(`sudo -u postgres vacuumdb -d ${database} -f`, 5 * minute);
	t.regex(await size(), /^[\d.]+M\s/);
	await assertStateKept(t);
});

test.serial("space is freed on a full disk", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await killProcess(machine, processes.notes, "SEGV");
	await waitForCoreDump();
	await typed("pkill -ALRM svlogd"); // Makes each start a new file.
	await typed(
		`free=$(df -kP /mnt/sda2 | awk 'END { print $4 }')
		fallocate -l "$free"K /mnt/sda2/fill`,
	);
	t.regex(await typed("df -h"), / 100% \/mnt\/sda2$/m);
	await typed("/etc/init.d/S92manager stop");
	await typed('echo "" > /mnt/sda2/empty_if_no_space');
	await typed("rm /var/log/apps/*/*");
	await typed("rm /var/log/core_dumps/*/*");
	await typed("/etc/init.d/S50postgresql restart");
	await typed("/etc/init.d/S92manager restart");
	const free = "df -kP /mnt/sda2 | awk 'END { print $4 }'";
	t.true(Number(await typed(free)) > 450_000);
	t.is(await coreDumps(), "");
	await assertStateKept(t);
	await typed("rm /mnt/sda2/fill");
	await typed("rm /mnt/sda2/empty_if_no_space");
	await typed("/etc/init.d/S92manager restart");
	await eventually("the manager has reserved 500 MB again", async () => {
		const { output } = await machine.console.run(`du -k ${reserve}`);
		return Number.parseInt(output, 10) > 480_000 || undefined;
	});
});

test.serial("a restart recreates deleted logs", async (t) => {
	t.timeout(timeLimit(8 * minute));
	await typed("rm /var/log/apps/*/*");
	await typed("/etc/init.d/S92manager restart");
	for (const app of ["manager", "notes"])
		await eventually(`there is a log of ${app}`, async () => {
			// The log of notes is empty until there is a message.
			const path = `/var/log/apps/${app}/current`;
			return (await machine.console.run(`test -e ${path}`)).exitCode === 0
				? true
				: undefined;
		});
	await assertStateKept(t);
});

test.serial("a script uses the API", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const root = await TestAuthority.create("Root");
	const { certificate, key } = await root.server("localhost");
	const call = await managerSession(machine);
	await call("certificateUpload", {
		pem: certificate + root.certificate + key,
	});
	const token = await createToken();
	const directory = temporaryDirectory();
	t.teardown(() => directory.remove());
	await writeFile(join(directory.path, "device.pem"), root.certificate);
	const address = `localhost:${machine.port(443)}`;
	const shown = await runOnHost(directory.path, [
		`umask 077; echo 'header = "Authorization: Bearer ${token}"' >token.conf`,
		`curl --config token.conf --cacert device.pem --json '{}' https://${address}/manager/api/systemStatus`,
	]);
	t.like(JSON.parse(shown), {
		release: { target: "x86_64" },
	});
});

test.serial("the device's own certificate is restored", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const source = `psql -d manager -Atc "SELECT count(*) FROM config WHERE name='webserverCertificate'"`;
	t.is((await typed(source)).trim(), "1");
	const uploaded = await typed(
		"cat /mnt/sda2/system/webserver/certificate.pem",
	);
	await typed(
		`psql -d manager -c "DELETE FROM config WHERE name='webserverCertificate'"`,
	);
	await typed("/etc/init.d/S92manager restart");
	await loginPage(machine);
	await eventually("the certificate has changed", async () => {
		const path = "/mnt/sda2/system/webserver/certificate.pem";
		return (await typed(`cat ${path}`)) === uploaded ? undefined : true;
	});
	t.is((await typed(source)).trim(), "0");
});

test.serial("file systems are checked and repaired in rescue", async (t) => {
	t.timeout(timeLimit(15 * minute));
	machine.console.send("reboot\n");
	await powerCycleAfterReboot(machine);
	await enterRescue(machine, newPassword);
	const isFine = /files \([\d.]+% non-contiguous\)/;
	t.regex(await typed("e2fsck -p -f /dev/sda2", 5 * minute), isFine);
	t.regex(await typed("e2fsck -p -f /dev/sda3", 5 * minute), isFine);
	t.regex(
		await typed("e2fsck -f -y /dev/sda2", 5 * minute),
		/files \([\d.]+% non-contiguous\)|\d+\/\d+ files/,
	);
	// Destroys the first superblock; exit code 1 means that everything was repaired.
	await typed("dd if=/dev/zero of=/dev/sda2 bs=1024 seek=1 count=1 conv=fsync");
	t.is(
		(
			await machine.console.run("e2fsck -f -y -b 32768 /dev/sda2", {
				timeoutMs: 5 * minute,
			})
		).exitCode,
		1,
	);
	t.regex(await typed("e2fsck -p -f /dev/sda2", 5 * minute), isFine);
});

test.serial("a damaged slot is restored from the update file", async (t) => {
	t.timeout(timeLimit(10 * minute));
	const verify = "/home/root/install.sh log.txt verify";
	await typed("echo x >>/mnt/sda1/a/rootfs.tar.xz");
	t.is(
		(await machine.console.run(verify, { timeoutMs: 5 * minute })).exitCode,
		2,
	);
	const directory = temporaryDirectory();
	t.teardown(() => directory.remove());
	await symlink(builtUpdate("out"), join(directory.path, "update-x86_64.img"));
	await writeFile(
		join(directory.path, "config"),
		`Host device
		HostName 127.0.0.1
		Port ${machine.port(22)}
		StrictHostKeyChecking no
		UserKnownHostsFile /dev/null\n`,
	);
	await writeFile(
		join(directory.path, "password"),
		`#!/bin/sh\necho ${newPassword}\n`,
		{
			mode: 0o700,
		},
	);
	// ssh gets the port from a config file and the password from a helper program.
	await runOnHost(directory.path, [
		'export SSH_ASKPASS="$PWD/password" SSH_ASKPASS_REQUIRE=force',
		'ssh() { command ssh -F config "$@"; }',
		"ssh root@device tar -x -C /mnt/sda1/a <update-x86_64.img",
	]);
	t.is(
		(await machine.console.run(verify, { timeoutMs: 5 * minute })).exitCode,
		0,
	);
});

test.serial("the owner's state is unchanged after all that", async (t) => {
	t.timeout(timeLimit(8 * minute));
	machine.console.send("reboot\n");
	await powerCycleAfterReboot(machine);
	await loginPage(machine);
	await machine.console.login("root", newPassword);
	await assertStateKept(t);
});

test.serial("an update is uploaded and installed with curl", async (t) => {
	t.timeout(timeLimit(20 * minute));
	const root = await TestAuthority.create("Root");
	const { certificate, key } = await root.server("localhost");
	const call = await managerSession(machine);
	await call("certificateUpload", {
		pem: certificate + root.certificate + key,
	});
	const directory = temporaryDirectory();
	t.teardown(() => directory.remove());
	await writeFile(join(directory.path, "device.pem"), root.certificate);
	await symlink(builtUpdate("next"), join(directory.path, "update-x86_64.img"));
	const { token } = (await call("tokenCreate", {
		name: "updates",
		scopes: ["administer"],
	})) as { token: string };
	const address = `localhost:${machine.port(443)}`;
	const shown = await runOnHost(directory.path, [
		`umask 077; echo 'header = "Authorization: Bearer ${token}"' >token.conf`,
		// Starts the upload at the current offset; the second upload replaces it.
		`curl --config token.conf --cacert device.pem -C "$(curl --config token.conf --cacert device.pem -sf https://${address}/manager/api/update-file/offset)" -T update-x86_64.img https://${address}/manager/api/update-file`,
		`curl --config token.conf --cacert device.pem -T update-x86_64.img https://${address}/manager/api/update-file`,
		"echo",
		`curl --config token.conf --cacert device.pem --json '{}' https://${address}/manager/api/updateCheck`,
	]);
	t.like(JSON.parse(shown.trim().split("\n").at(-1) ?? ""), {
		build: nextBuild,
	});
	await runOnHost(directory.path, [
		`curl --config token.conf --cacert device.pem --json '{}' https://${address}/manager/api/updateInstall`,
	]);
	await powerCycleAfterReboot(machine);
	await waitForRescueInstall(machine);
	await loginPage(machine);
	await machine.console.login("root", newPassword);
	t.is(await runningBuild(machine.console), nextBuild);
	await assertStateKept(t);
});

/** Types a command that prompts, and the answers. */
async function answer(
	at: Console,
	command: string,
	...words: string[]
): Promise<void> {
	at.skip();
	at.send(`${command}\n`);
	for (const word of words) {
		await at.expect(/assword: *$/);
		at.send(`${word}\n`);
	}
	// Input before the prompt would be lost.
	await at.expect(/[#$] *$/);
}

const coreDumps = () => typed("find /mnt/sda2/log/core_dumps -type f");

async function waitForCoreDump(): Promise<void> {
	await eventually("the core dump of notes", async () =>
		(await coreDumps()).includes("/notes/core") ? true : undefined,
	);
}

/** Asserts that notes and files are unchanged. */
async function assertStateKept(t: ExecutionContext): Promise<void> {
	const { files, answer } = await readOwnerState(machine);
	t.is(files, kept.files);
	t.is(answer, kept.answer);
}

/** Creates a token, after changing the default password, which cannot create tokens. */
async function createToken(): Promise<string> {
	const changed = await post(machine, "changePassword", {
		cookie: await managerCookie(machine),
		body: JSON.stringify({ currentPassword: managerPassword, newPassword }),
	});
	setLoginsOf(machine, { ...loginsOf(machine), manager: newPassword });
	const made = await post(machine, "tokenCreate", {
		cookie: changed.headers.getSetCookie()[0]?.split(";")[0] ?? "",
		body: JSON.stringify({ name: "script", scopes: ["read"] }),
	});
	return ((await made.json()) as { token: string }).token;
}
