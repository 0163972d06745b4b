import { readFile } from "node:fs/promises";
import test from "ava";
import { archiveOf, TestKey, updateMembers } from "../testing/test-update.ts";
import { builtUpdate, eventually, timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { installNotes, notesPage, notesPath } from "./system/notes.ts";
import { processes, processId } from "./system/processes.ts";
import { loginPage, loginsOf, outputOf } from "./system/steps.ts";

// What somebody can do who runs code as the manager: with its user, groups and capabilities.
const minute = 60_000;
const machine = runningContainer(test, "manager-user");
/** With which the manager is started, too. */
const user = "/usr/lib/app-platform/as-manager";
const rootCommand = "s6-sudo -e /run/root-commands/socket";
const rights = "grep -E '^(Uid|Gid|Groups|Cap[A-Z][a-z]+|NoNewPrivs):'";

/** Runs shell code as the manager's user. */
const asManager = (code: string, timeoutMs = minute) =>
	machine.console.run(
		`echo ${Buffer.from(code).toString("base64")} | base64 -d >/tmp/code; ${user} sh /tmp/code 2>&1`,
		{ timeoutMs },
	);

const asRoot = (code: string) => outputOf(machine.console, code);

test.serial("the manager runs as its own user", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const createNotes = await installNotes(machine);
	await createNotes("example.com");
	await notesPage(machine, notesPath("example.com"));
	const manager = await processId(machine, processes.manager);
	const found = await asRoot(`${rights} /proc/${manager}/status`);
	t.regex(found, /^Uid:\s+75\s+75\s+75\s+75\s*$/m);
	t.regex(found, /^CapEff:\s+0+\s*$/m);
	t.regex(found, /^NoNewPrivs:\s+1\s*$/m);
	const { output } = await asManager(`${rights} /proc/self/status`);
	t.is(output, found);
	const limits = await asRoot(`cat /proc/${manager}/limits`);
	t.regex(limits, /^Max processes\s+1000\s+1000\s/m);
});

test.serial("its user writes only to the manager's directories", async (t) => {
	const { output } = await asManager(
		"find / -path /proc -prune -o -type d -exec test -w {} \\; -print 2>/dev/null",
	);
	t.deepEqual(output.trim().split("\n").sort(), [
		...["/dev/shm", "/mnt/sda2/apps/notes"],
		"/mnt/sda2/apps/notes/web",
		...["/mnt/sda2/system/manager", "/mnt/sda2/system/store"],
		...["/mnt/sda2/system/update/received", "/run/manager"],
		...["/tmp", "/var/tmp"],
	]);
	const files = await asManager(
		"find / -path /proc -prune -o -path /sys -prune -o -type f -exec test -w {} \\; -print 2>/dev/null | grep -vE '^/(tmp|dev|mnt/sda2/(system/(manager|store|update/received)|apps/notes))/'",
	);
	t.is(files.output.trim(), "");
});

for (const [what, code] of [
	["read the passwords", "cat /etc/shadow"],
	["read an app's files", "ls /mnt/sda2/apps/notes/instances/1"],
	["write an app's files", "touch /mnt/sda2/apps/notes/instances/1/x"],
	["add an instance", "mkdir /mnt/sda2/apps/notes/instances/9"],
	[
		"replace the instances of an app",
		"mv /mnt/sda2/apps/notes/instances /mnt/sda2/apps/notes/other",
	],
	["add an app", "mkdir /mnt/sda2/apps/other"],
	["replace the manager", "mv /apps/manager/manager /apps/manager/x"],
	["write the boot partition", "echo x >/mnt/sda1/x"],
	["remount the boot partition", "mount -o remount,rw /mnt/sda1"],
	["write the root file system", "echo x >/usr/x"],
	[
		"write the disk",
		"for disk in /dev/loop*; do echo x >$disk && exit; done; false",
	],
	[
		"replace the certificate",
		"echo x >/mnt/sda2/system/webserver/certificate.pem",
	],
	["change the result of an update", "echo x >/mnt/sda2/system/update/result"],
	["end another process", "kill -0 1"],
	[
		"be PostgreSQL's superuser",
		"psql -U postgres -d postgres -c '' || psql -U root -d manager -c ''",
	],
	["read PostgreSQL's files", "cat /mnt/sda2/pgsql/PG_VERSION"],
	["become root with su", "printf 'iplinux\\n' | su -c id"],
	[
		"become root with sudo",
		"sudo -n id || sudo -n -s || sudo -n -u postgres id",
	],
	[
		"keep root from its commands",
		"for lock in /run/lock/*; do flock -n $lock true && exit; done; false",
	],
	["control the services", "echo d >/run/service/ssh/supervise/control"],
	[
		"run other commands as root",
		`${rootCommand} run-app notes 2000 /tmp/log id`,
	],
	["run root's libraries", `${rootCommand} ../apps.sh`],
	["run a command that it brings along", `${rootCommand} /tmp/code`],
] as const)
	test.serial(`its user cannot ${what}`, async (t) => {
		const { exitCode, output } = await asManager(code);
		t.not(exitCode, 0, output);
	});

test.serial("its user cannot log in to this machine itself", async (t) => {
	const addresses = `127.0.0.1 ::1 $(ip -o addr show scope global | awk '{ sub("/.*", "", $4); print $4 }')`;
	const connect = `for address in ${addresses}; do
		timeout 5 bash -c "exec 3<>/dev/tcp/$address/22" 2>/dev/null && echo "connected to $address"
	done; true`;
	t.regex(await asRoot(connect), /127\.0\.0\.1\s+connected to ::1/);
	t.is((await asManager(connect)).output.trim(), "");
});

test.serial("root's commands get nothing of its environment", async (t) => {
	const { output } = await asManager(
		`mkdir -p /tmp/bin
		for name in stat flock sh setpriv; do printf '#!/bin/sh\ntouch /tmp/run-as-root\n' >/tmp/bin/$name; done
		chmod 755 /tmp/bin/*
		PATH=/tmp/bin ENV=/tmp/bin/sh /usr/bin/s6-sudo /run/root-commands/socket app delete nothing; echo "status $?"`,
	);
	t.regex(output, /status 0/);
	t.not((await asManager("ls /tmp/run-as-root")).exitCode, 0);
	await asRoot("rm -r /tmp/bin");
});

test.serial("root's commands check their arguments", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const before = await asRoot(
		"ls -lRn /mnt/sda2/apps /run/apps /run/services; ls -l /mnt/sda1/",
	);
	for (const [args, reason] of [
		["app prepare ../system 2000", "not the name of an app"],
		["app prepare manager 2005", "reserved"],
		["app prepare '' 2005", "not the name"],
		["app prepare other 0", "not a user's number"],
		["app prepare other 75", "none of a service"],
		["app prepare other 1000", "none of a service"],
		["app prepare other 65534", "none of a service"],
		["app prepare other 02005", "not a user's number"],
		["app prepare other 2000", "owns the files of notes"],
		["app prepare notes 2005", "owns its files"],
		["app start notes 2005 notes notes", "owns its files"],
		["app start notes 2000 ../../../usr/bin/id x", "not the path of a program"],
		["app start notes 2000 /usr/bin/id x", "not the path of a program"],
		["app start notes 2000 a//b x", "not the path of a program"],
		["app start notes 2000 notes '--manager=/x'", "not the name of a service"],
		["app start ../notes 2000 notes x", "not the name of an app"],
		["app signal .. KILL", "not the name of an app"],
		["app signal notes 9", "not TERM or KILL"],
		["app delete ../system", "not the name of an app"],
		["app delete manager", "reserved"],
		["app prepare-instance notes 2005 1", "owns its files"],
		["app prepare-instance notes 2000 ../2", "not the number"],
		["app delete-instance notes ../../notes", "not the number"],
		["app delete-instance notes 01", "not the number"],
		["app other notes", "does not exist"],
		["app", "usage"],
		["boot-partition stage a </dev/null", "in use"],
		["boot-partition stage ../x </dev/null", "in use"],
		["boot-partition open b", "usage"],
		["boot-partition cancel", "no update to cancel"],
		["certificate make 'x, DNS:other'", "not a host name"],
		["certificate make 'a\nb'", "not a host name"],
		["certificate make -x", "not a host name"],
		["certificate store </dev/zero", "more than"],
		["set-passwords </dev/null", "no password"],
		["set-passwords <<'END'\niplinux\niplinux\nEND", "default password"],
	] as const) {
		const { exitCode, output } = await asManager(`${rootCommand} ${args}`);
		t.not(exitCode, 0, args);
		t.true(output.includes(reason), `${args}: ${output}`);
	}
	t.is(
		await asRoot(
			"ls -lRn /mnt/sda2/apps /run/apps /run/services; ls -l /mnt/sda1/",
		),
		before,
	);
});

test.serial("an update that is not signed is not staged", async (t) => {
	t.timeout(timeLimit(10 * minute));
	// The kernel's settings are read-only in a container.
	await asRoot("mount --bind /dev/null /proc/sys/vm/drop_caches");
	const received = "/mnt/sda2/system/update/received/x";
	const state = "/usr/lib/app-platform/boot-partition show; ls -R /mnt/sda1";
	const before = await asRoot(state);
	const good = await readFile(builtUpdate("out"));
	const ssh = await machine.ssh(...loginsOf(machine).admin);
	await ssh.writeFile("/tmp/good", good);
	await ssh.writeFile(
		"/tmp/other",
		await archiveOf(await updateMembers(await TestKey.create())),
	);
	ssh.close();
	const stage = (prepare: string) =>
		asManager(
			`${prepare} && ${rootCommand} boot-partition stage b <${received}`,
			5 * minute,
		);
	const alter = `printf x | dd of=${received} bs=1 conv=notrunc seek=${good.length - 200_000}`;
	for (const [prepare, reason] of [
		[`cat /tmp/good >${received} && ${alter}`, /damaged/],
		[`cat /tmp/other >${received}`, /not signed by a key/],
		[`echo text >${received}`, /not signed by a key/],
	] as const) {
		const { exitCode, output } = await stage(prepare);
		t.not(exitCode, 0);
		t.regex(output, reason);
		t.is(await asRoot(state), before);
	}
	await asRoot(`mount -o remount,rw /mnt/sda1
		dd if=/dev/zero of=/mnt/sda1/filler bs=1k count=$(($(df -P -k /mnt/sda1 | awk 'END { print $4 }') - 2000))
		mount -o remount,ro /mnt/sda1`);
	const full = await asRoot(state);
	const refused = await stage(`cat /tmp/good >${received}`);
	t.regex(refused.output, /The boot partition is full/);
	t.is(refused.exitCode, 4);
	t.is(await asRoot(state), full);
	await asRoot(
		"mount -o remount,rw /mnt/sda1; rm /mnt/sda1/filler; mount -o remount,ro /mnt/sda1",
	);
	const { exitCode, output } = await stage(`cat /tmp/good >${received}`);
	t.is(exitCode, 0, output);
	t.regex(await asRoot(state), /^UPDATE=install/m);
	t.is((await asManager(`${rootCommand} boot-partition cancel`)).exitCode, 0);
});

test.serial("what reads an update has no file of root open", async (t) => {
	const { output } = await asManager(
		`mkfifo /tmp/update && ${rootCommand} boot-partition stage b <>/tmp/update >/dev/null 2>&1 &
		until tar=$(pgrep -x -U manager tar); do sleep 0.1; done
		for file in /proc/$tar/fd/*; do readlink $file; done
		while [ -e /proc/$! ]; do pkill -KILL -x -U manager tar; sleep 0.1; done; rm /tmp/update`,
	);
	t.regex(output, /^\/tmp\/update\s*$/m);
	t.notRegex(output, /\/run\/lock/);
});

test.serial("links mislead root nowhere", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const watched = ["/etc/passwd", "/mnt/sda2/system/shadow", "/mnt/sda2/home"];
	const owners = `stat -c '%n %U %G %a' ${watched.join(" ")} /mnt/sda2/system`;
	const before = await asRoot(owners);
	await asManager(
		`for directory in /mnt/sda2/system/manager /mnt/sda2/system/store /mnt/sda2/system/update/received \\
			/run/manager /mnt/sda2/apps/notes; do
			for path in ${watched.join(" ")}; do ln -s $path $directory/link-\${path##*/}; done
		done
		ln -sf /etc/passwd /mnt/sda2/system/manager/manager.cache.tried
		ln -sf /etc /run/services/notes/link`,
	);
	await asRoot(
		"rm /.app-platform-manager-directories; /etc/init.d/S92manager restart",
	);
	await loginPage(machine);
	await notesPage(machine, notesPath("example.com"));
	t.is(await asRoot(owners), before);
	await asRoot(
		"find /mnt/sda2/system /run/manager /mnt/sda2/apps -name 'link-*' -exec rm {} +",
	);
});

test.serial("the name of a process misleads root nowhere", async (t) => {
	// It has a deleted log file open, as svlogd has, and a path that pretends to be init's.
	await asManager(
		`cd /mnt/sda2/system/manager && mkdir log && ln -s /run/misled log/config
		other="$PWD/x
/proc/1/fd:
l -> /run/misled-too"
		mkdir -p "$other"
		bash -c 'printf svlogd >/proc/self/comm; exec 7>log/current 8>"$0/current"; rm log/current "$0/current"
			while sleep 1; do :; done' "$other" >/dev/null &
		until pgrep -x svlogd -U manager; do sleep 0.1; done
		until [ ! -e "$other/current" ] && [ -e /proc/$!/fd/8 ]; do sleep 0.1; done`,
	);
	await asRoot("/usr/lib/app-platform/reopen-logs");
	t.not((await asManager("ls /run/misled*")).exitCode, 0);
	await asManager(
		"pkill -x svlogd -U manager; rm -r /mnt/sda2/system/manager/log /mnt/sda2/system/manager/x*",
	);
});

test.serial("links of PostgreSQL's user mislead root nowhere", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await asRoot(
		`echo secret >/run/secret; chmod 600 /run/secret
		setpriv --reuid postgres --regid postgres --init-groups sh -euc '
			cd /mnt/sda2/pgsql
			sed -i "/app_platform/d" pg_hba.conf pg_ident.conf
			for file in pg_hba.conf pg_ident.conf; do ln -s /run/secret $file.new; done
			ln -s /run/misled /run/postgresql/app-platform.conf.new'
		/etc/init.d/S50postgresql restart`,
	);
	t.regex(
		await asRoot(
			"stat -c '%U %a %s' /run/secret; ls /run/misled 2>&1; stat -c '%F %U' /mnt/sda2/pgsql/pg_hba.conf",
		),
		/^root 600 7\s+.*No such file.*\s+regular file postgres\s*$/,
	);
	await asRoot(
		"rm /run/secret /mnt/sda2/pgsql/*.new /run/postgresql/*.new; psql -h /run/postgresql -d postgres -c ''",
	);
});

test.serial("the manager keeps root out of no database", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const { exitCode, output } = await asManager(
		"psql -X -h /run/postgresql -U app_platform_manager -d manager -c 'GRANT app_instances TO root'",
	);
	t.is(exitCode, 0, output);
	await asRoot(
		"/etc/init.d/S50postgresql restart; psql -X -h /run/postgresql -d template1 -w -c ''",
	);
});

test.serial("an app cannot keep its files from being deleted", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const instance = "/mnt/sda2/apps/notes/instances/9";
	await asManager(`${rootCommand} app prepare-instance notes 2000 9`);
	await asRoot(
		`cd ${instance} && setpriv --reuid 2000 --regid 2000 --clear-groups bash -euc '
			mkdir -p closed/closed/x && chmod 0 closed/closed closed
			name=$(printf %0250d 0)
			for ((depth = 0; depth < 100; depth++)); do mkdir $name && cd $name; done; touch file'`,
	);
	const { exitCode, output } = await asManager(
		`${rootCommand} app delete-instance notes 9`,
		5 * minute,
	);
	t.is(exitCode, 0, output);
	t.not((await asManager(`ls -d ${instance}`)).exitCode, 0);
});

test.serial(
	"files of a manager that was root become the manager's",
	async (t) => {
		t.timeout(timeLimit(5 * minute));
		const program = "/mnt/sda2/apps/notes/notes";
		await asRoot(
			`/etc/init.d/S92manager stop
		cd /mnt/sda2
		chown -R root:root system/manager system/store ${program} apps/notes/app.json
		chown root:root apps/notes && chmod 755 apps/notes
		rm -rf system/update/received /.app-platform-manager-directories
		touch apps/manager/manager.cache
		ln -s /etc/passwd system/manager/link
		ln system/shadow system/manager/linked
		echo half >system/update/received.img && echo http://example.com/x >system/update/received.url
		touch system/manager/known-clients.json && chmod 600 system/manager/known-clients.json
		echo garbage >>${program}
		/etc/init.d/S92manager start`,
		);
		await loginPage(machine);
		await eventually("the notes run again", async () =>
			(await notesPage(machine, notesPath("example.com")).catch(() => ""))
				? true
				: undefined,
		);
		const owners = await asRoot(
			`cd /mnt/sda2; rm system/manager/linked
			stat -c '%n %U' system/manager system/manager/* system/update/received/* system/store ${program}; stat -c '%U:%G %a' apps/notes apps/notes/instances`,
		);
		t.notRegex(owners, / root\s*$/m);
		t.regex(owners, /^system\/update\/received\/received.img manager\s*$/m);
		t.regex(owners, /^root:manager 1775\s+root:root 755\s*$/m);
		t.regex(
			await asRoot(
				"stat -L -c '%U %a' /etc/passwd /etc/shadow; ls /apps/manager",
			),
			/^root 644\s+root 600\s+manager\s*$/,
		);
	},
);

test.serial("later starts change no owners", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await asRoot(
		"touch /mnt/sda2/system/manager/x; /etc/init.d/S92manager restart",
	);
	await loginPage(machine);
	t.is((await asRoot("stat -c %U /mnt/sda2/system/manager/x")).trim(), "root");
});

test.serial("root's password is needed to set it", async (t) => {
	t.timeout(timeLimit(5 * minute));
	const set = (next: string, current: string) =>
		asManager(
			`printf '%s\\n' '${next}' '${current}' | ${rootCommand} set-passwords`,
		);
	// The default passwords are known to everybody.
	t.is((await set("first password", "")).exitCode, 0);
	const hashes = "grep -E '^(root|admin):' /etc/shadow";
	const before = await asRoot(hashes);
	for (const current of ["", "wrong", "iplinux", "ipapps"]) {
		const { exitCode, output } = await set("second password", current);
		t.is(exitCode, 3);
		t.regex(output, /not the current password of root/);
	}
	t.is(await asRoot(hashes), before);
	t.is((await set("second password", "first password")).exitCode, 0);
	// Whoever knows the password of admin alone does not get root's.
	await asRoot("printf '%s\\n' iplinux iplinux | passwd -a sha512 root");
	t.is((await set("third password", "iplinux")).exitCode, 3);
	t.is((await set("third password", "second password")).exitCode, 0);
});
