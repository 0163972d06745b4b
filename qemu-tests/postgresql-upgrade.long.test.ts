import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import test from "ava";
import { $ } from "zx";
import { timeLimit } from "./machine/index.ts";
import {
	livedInMachine,
	livedInState,
	ownLogins,
	without,
} from "./system/lived-in/index.ts";
import { powerCycleAfterReboot, restart } from "./system/rescue.ts";
import { loginPage, managerSession, outputOf } from "./system/steps.ts";

// Updates a lived-in machine with databases of PostgreSQL 15 to a system with PostgreSQL 17. No release has PostgreSQL
// 15: the old slot is today's with the server of Debian 12 added to its archive, and the databases are restored into
// that server.
const quiet = $({ quiet: true });
const minute = 60_000;
const major = "15";
const { machine, before } = livedInMachine(test, {
	name: "postgresql-upgrade",
	memoryMB: 1024,
});
/** What somebody may try who runs code as the old server, which PostgreSQL calls when the server ends. */
const misleadRoot =
	"touch /dev/shm/archived; for file in log settings copy/roles; do ln -sf /run/misled /run/conversion/$file; done; true";
const sql = `
	CREATE ROLE "an.owner" LOGIN PASSWORD 'secret';
	CREATE DATABASE "a site" OWNER "an.owner";
	\\connect "a site"
	CREATE TABLE kept AS SELECT generate_series(1, 100000) AS number, 'CREATE ROLE postgres;'::text AS word;
	ALTER SYSTEM SET work_mem = '7MB';
	ALTER SYSTEM SET archive_mode = on;
	ALTER SYSTEM SET archive_command = '${misleadRoot}';
`;
/** Removes statements that PostgreSQL 15 does not support. */
const dumpForOlder = `pg_dumpall -h /run/postgresql | sed \
	-e '/^SET transaction_timeout/d' \
	-e '/^CREATE ROLE postgres;/d' \
	-e '/^CREATE DATABASE/s/ LOCALE_PROVIDER = builtin\\(.*\\) BUILTIN_LOCALE = [^ ;]*/\\1/' \
	-e '/^GRANT pg_use_reserved_connections /d' \
	-e '/^GRANT /s/,* *\\(INHERIT\\|SET\\) \\(TRUE\\|FALSE\\)//g' \
	-e '/^GRANT /s/ WITH GRANTED/ GRANTED/'`;
const startTrial = `sync
	cd /usr/lib/app-platform
	for part in service settings disk boot-loader; do . ./$part.sh; done
	set_boot_state rescue a "try b 0"`;
const atConsole = (command: string) =>
	outputOf(machine.console, command, { timeoutMs: 5 * minute });

test.serial("the databases are from the older version", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await machine.boot();
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
	const libraries = await atConsole("ls /usr/lib/x86_64-linux-gnu");
	const ssh = await machine.ssh(...ownLogins.admin);
	const archive = await olderServer(major, libraries.split(/\s+/));
	await ssh.writeFile("/home/admin/server.tar.xz", archive);
	await ssh.writeFile("/tmp/old.sql", sql);
	ssh.close();
	await atConsole(`set -e
		/etc/init.d/S92manager stop
		rm /var/log/apps/left-over/@40000000650000*
		${dumpForOlder} >/mnt/sda2/of-17.sql
		/etc/init.d/S50postgresql stop
		tar -xJf /home/admin/server.tar.xz -C /
		as="setpriv --reuid postgres --regid postgres --init-groups"
		bin=/usr/lib/postgresql/${major}/bin
		mv /mnt/sda2/pgsql /mnt/sda2/not-used
		mkdir -m 700 /mnt/sda2/pgsql
		chown postgres:postgres /mnt/sda2/pgsql
		cd /mnt/sda2
		$as $bin/initdb -D pgsql --locale C.UTF-8 --encoding UTF8 --auth-local peer
		$as $bin/pg_ctl -D pgsql -o "-k /run/postgresql" -l /run/postgresql/old.log -w start
		$as psql -q -h /run/postgresql -v ON_ERROR_STOP=1 -d postgres -f /mnt/sda2/of-17.sql
		$as psql -h /run/postgresql -v ON_ERROR_STOP=1 -d postgres -f /tmp/old.sql
		rm /mnt/sda2/of-17.sql
		cp -p not-used/pg_hba.conf pgsql/
		rm -rf not-used
		echo "local all nobody reject" >>pgsql/pg_hba.conf
		echo "include '/etc/postgresql/app-platform.conf'" >>pgsql/postgresql.conf
		echo "old_snapshot_threshold = 60" >>pgsql/postgresql.conf
		$as $bin/pg_ctl -D pgsql -w -m fast stop
		rm -rf /usr/lib/postgresql/${major}`);
	t.is(await atConsole("cat /mnt/sda2/pgsql/PG_VERSION"), `${major}\n`);
});

test.serial("a trial boot that cannot upgrade them reports why", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await atConsole(`set -e
		mount -o remount,rw /mnt/sda1
		cp -a /mnt/sda1/a /mnt/sda1/b
		${startTrial}`);
	await restart(machine);
	for (const count of [1, 2, 3]) {
		await machine.console.expect(`on trial (${count} of 3)`, {
			timeoutMs: 3 * minute,
			unless: /This FAILED|Kernel panic/,
		});
		await powerCycleAfterReboot(machine);
	}
	await machine.console.expect("The update is given up", {
		timeoutMs: 3 * minute,
	});
	await powerCycleAfterReboot(machine);
	await machine.console.expect("login:", { timeoutMs: 2 * minute });
	await machine.console.login(...ownLogins.root);
	const result = await atConsole("cat /mnt/sda2/system/update/result");
	t.regex(result, /^STATE=failed$/m);
	t.regex(result, /^REASON=.* in 3 starts: .* has no PostgreSQL 15 *$/m);
	t.is(await atConsole("cat /mnt/sda2/pgsql/PG_VERSION"), `${major}\n`);
});

test.serial("the trial boot upgrades the databases", async (t) => {
	t.timeout(timeLimit(15 * minute));
	await atConsole(`set -e
		mount -o remount,rw /mnt/sda1
		cat /home/admin/server.tar.xz >>/mnt/sda1/a/rootfs.tar.xz
		${startTrial}`);
	await restart(machine);
	await machine.console.expect("on trial (1 of 3)", {
		timeoutMs: 3 * minute,
		unless: /This FAILED|Kernel panic/,
	});
	await machine.console.expect("Upgrading the databases from PostgreSQL 15", {
		timeoutMs: 3 * minute,
	});
	await loginPage(machine, { timeoutMs: 10 * minute });
	const call = await managerSession(machine);
	t.like(await call("session"), { loggedIn: true });
	await machine.console.login(...ownLogins.root);
	const query = (database: string, sql: string) =>
		atConsole(`psql -At -d "${database}" -c "${sql}"`);
	t.regex(await query("postgres", "SHOW server_version"), /^17\./);
	t.is(
		await query("a site", "SELECT count(*), sum(number), max(word) FROM kept"),
		"100000|5000050000|CREATE ROLE postgres;\n",
	);
	t.is(
		await query(
			"postgres",
			"SELECT datdba::regrole FROM pg_database WHERE datname = 'a site'",
		),
		'"an.owner"\n',
	);
	t.is(await atConsole("ls /dev/shm/archived"), "/dev/shm/archived\n");
	t.regex(await atConsole("ls /run/misled 2>&1 || true"), /No such file/);
});

test.serial("keeps apps and data", async (t) => {
	t.timeout(timeLimit(8 * minute));
	// Logs were deleted to make room for a second cluster; the tests below check the new rule and setting.
	const changed = ["logs", "homeFiles", "database"] as const;
	const found = await livedInState(machine, ...changed);
	t.deepEqual(found, without(before(), ...changed));
});

test.serial("keeps the settings of the administrator", async (t) => {
	const hba = await atConsole("tail -n 1 /mnt/sda2/pgsql/pg_hba.conf");
	t.is(hba, "local all nobody reject\n");
	const workMemory = "psql -At -d postgres -c 'SHOW work_mem'";
	t.is(await atConsole(workMemory), "7MB\n");
	// PostgreSQL 17 does not start with this setting.
	const old = await atConsole("tail -n 1 /mnt/sda2/pgsql/postgresql.conf.old");
	t.is(old, "old_snapshot_threshold = 60\n");
});

test.serial("the old databases are deleted after confirmation", async (t) => {
	t.timeout(timeLimit(8 * minute));
	const state = "/usr/lib/app-platform/boot-partition show";
	t.regex(await atConsole(state), /^UPDATE=none$/m);
	const directories = "ls -1d /mnt/sda2/pgsql*";
	t.is(await atConsole(directories), "/mnt/sda2/pgsql\n/mnt/sda2/pgsql.15\n");
	await atConsole("cp -a /mnt/sda2/pgsql.15 /mnt/sda2/of-15");
	await restart(machine);
	await loginPage(machine);
	await machine.console.login(...ownLogins.root);
	t.is(await atConsole(directories), "/mnt/sda2/pgsql\n");
});

test.serial("a rollback finds the databases of its version", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await atConsole(`set -e
		/etc/init.d/S92manager stop; /etc/init.d/S50postgresql stop
		mv /mnt/sda2/of-15 /mnt/sda2/pgsql.15
		cd /usr/lib/app-platform
		for part in service postgresql postgresql-upgrade; do . ./$part.sh; done
		MAJOR_VERSION=${major}
		restore_old_cluster
		test "$(cat $CLUSTER/PG_VERSION)" = ${major}`);
	const { exitCode, output } = await machine.console.run(
		"/etc/init.d/S50postgresql start",
	);
	t.not(exitCode, 0);
	t.regex(output, /are of PostgreSQL 15; this system has 17/);
});

/**
 * Packs the PostgreSQL server of this host as an archive (tar.xz), with the libraries that the guest lacks.
 * @throws Error when this host does not have the version.
 */
async function olderServer(
	major: string,
	librariesOfGuest: readonly string[],
): Promise<Buffer> {
	const programs = `/usr/lib/postgresql/${major}`;
	if (!existsSync(programs))
		throw new Error(
			`This host has no PostgreSQL ${major}, which creates the databases to upgrade: apt-get install postgresql-${major}`,
		);
	const { stdout } =
		await quiet`ldd ${programs}/bin/postgres ${programs}/bin/initdb ${programs}/bin/pg_ctl`;
	const libraries = new Set(
		[...stdout.matchAll(/=> (\/\S+)/g)].map(([, path]) => path as string),
	);
	const missing = [...libraries].filter(
		(path) => !librariesOfGuest.includes(basename(path)),
	);
	const directory = await mkdtemp(join(tmpdir(), "app-platform-server-"));
	try {
		const archive = join(directory, "server.tar.xz");
		const parts = [programs, `/usr/share/postgresql/${major}`, ...missing].map(
			(path) => path.slice(1),
		);
		const excluded = ["bitcode", "llvmjit*", "man"].map(
			(name) => `--exclude=${name}`,
		);
		// -h follows links, so that each library has the name that programs load.
		await quiet`tar -cJh -C / --transform s,^lib/,usr/lib/, ${excluded} -f ${archive} ${parts}`;
		return await readFile(archive);
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
}
