import type { TestFn } from "ava";
import { eventually, type Machine, timeLimit } from "../machine/index.ts";
import { processes, processId } from "./processes.ts";
import { managerSession, outputOf } from "./steps.ts";

/** An app that puts its own pg_class in front of PostgreSQL's, with a function that tries to become a superuser. */
const attack = `
	CREATE TABLE public.seen (session text);
	CREATE FUNCTION public.attack() RETURNS integer LANGUAGE plpgsql AS '
	BEGIN
		INSERT INTO public.seen VALUES (session_user);
		BEGIN EXECUTE ''ALTER ROLE "example.com_notes" SUPERUSER''; EXCEPTION WHEN OTHERS THEN NULL; END;
		RETURN 1;
	END';
	CREATE FUNCTION public.steady(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS '
	BEGIN PERFORM public.attack(); RETURN $1; END';
	CREATE TABLE public.indexed AS SELECT 1 AS n;
	CREATE INDEX ON public.indexed (public.steady(n));
	CREATE SCHEMA evil;
	CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE public.attack() = 1;
	ALTER DATABASE "example.com_notes" SET search_path = evil, pg_catalog, public;
	TRUNCATE public.seen;`;

/**
 * Tests of an app's rights on the device. "notes" has instances in example.com and example.org; root is logged in at
 * the console.
 */
export function appRightsTests(test: TestFn, machine: Machine): void {
	test.serial(
		"a service runs as its own user without further rights",
		async (t) => {
			const pid = await processId(machine, processes.notes);
			const status = await outputOf(machine.console, `cat /proc/${pid}/status`);
			t.regex(status, /^Uid:\s+2000\s+2000\s+2000\s+2000\s*$/m);
			t.regex(status, /^Groups:\s*$/m);
			t.regex(status, /^NoNewPrivs:\s+1\s*$/m);
			for (const set of ["CapEff", "CapPrm", "CapBnd"])
				t.regex(status, new RegExp(`^${set}:\\s+0+\\s*$`, "m"));
			t.regex(
				await outputOf(machine.console, `cat /proc/${pid}/cgroup`),
				/^0::\/apps\/notes\s*$/m,
			);
			// A device that a service kept mounted could not be checked or removed.
			t.deepEqual(
				(
					await outputOf(
						machine.console,
						`awk '{ print $5 }' /proc/${pid}/mountinfo | sort -u`,
					)
				)
					.trim()
					.split(/\s+/),
				[
					...["/", "/dev", "/dev/pts", "/dev/shm", "/mnt/sda2", "/proc"],
					...[
						"/run",
						"/run/apps",
						"/sys",
						"/sys/fs/cgroup",
						"/tmp",
						"/var/tmp",
					],
				],
			);
			const asService = `nsenter -t ${pid} -m setpriv --reuid 2000 --regid 2000 --clear-groups`;
			const own = "/mnt/sda2/apps/notes/instances/1";
			await outputOf(
				machine.console,
				`${asService} sh -c 'echo x >${own}/x && mkdir ${own}/y && echo x >/tmp/x' && test ! -e /tmp/x`,
			);
			for (const path of [
				"/mnt/sda2/pgsql/pg_hba.conf",
				"/mnt/sda2/system/shadow",
				"/mnt/sda2/system/webserver/certificate.pem",
				"/mnt/sda2/system/manager/password.key",
				"/run/haproxy/admin.sock",
				"/run/manager/manager.sock",
			]) {
				const { exitCode } = await machine.console.run(
					`${asService} test -r ${path} -o -w ${path}`,
				);
				t.not(exitCode, 0, path);
			}
		},
	);

	test.serial(
		"an instance's password opens only its own database",
		async (t) => {
			const sql =
				"SELECT database_password FROM instance WHERE domain = 'example.com'";
			const sealed = await outputOf(
				machine.console,
				`psql -d manager -Atc "${sql}"`,
			);
			t.regex(sealed, /^\s*sealed:1:/);
			const call = await managerSession(machine);
			const { instances } = (await call("instances")) as {
				instances: { id: number; domain: string }[];
			};
			const own = instances.find(({ domain }) => domain === "example.com");
			const { databasePassword: password } = (await call(
				"instanceCredentials",
				{ id: own?.id },
			)) as { databasePassword: string };
			const connect = (database: string, word: string) =>
				machine.console.run(
					`PGPASSWORD='${word}' psql -U example.com_notes -d '${database}' -Atc 'SELECT current_user'`,
				);
			t.is(
				(await connect("example.com_notes", password)).output.trim(),
				"example.com_notes",
			);
			t.regex(
				(await connect("example.com_notes", "wrong")).output,
				/authentication failed/,
			);
			for (const other of ["manager", "example.org_notes"])
				t.regex((await connect(other, password)).output, /permission denied/);
		},
	);

	test.serial(
		"an app gains nothing by the manager's work in its database",
		async (t) => {
			t.timeout(timeLimit(300_000));
			const call = await managerSession(machine);
			const psql = (database: string, sql: string) =>
				outputOf(
					machine.console,
					`echo ${Buffer.from(sql).toString("base64")} | base64 -d | PGOPTIONS='-c search_path=pg_catalog' psql -XAtq -v ON_ERROR_STOP=1 -d ${database}`,
				);
			await psql(
				"example.com_notes",
				`SET SESSION AUTHORIZATION "example.com_notes"; ${attack}`,
			);
			const notes = async () => {
				const { instances } = (await call("instances")) as {
					instances: {
						id: number;
						databaseName: string;
						cleanUp?: { state: string };
					}[];
				};
				return instances.find(
					({ databaseName }) => databaseName === "example.com_notes",
				);
			};
			const id = (await notes())?.id;
			await call("instanceCleanUpDatabase", { id });
			await eventually("the database is cleaned up", async () =>
				(await notes())?.cleanUp?.state === "done" ? true : undefined,
			);
			await call("databaseOptimize");
			await eventually("the databases are optimized", async () => {
				const { last } = (await call("databaseOptimization")) as {
					last: { endedAt?: string; failed: string[] };
				};
				if (!last.endedAt) return undefined;
				t.deepEqual(last.failed, []);
				return true;
			});
			t.is(
				await psql(
					"example.com_notes",
					"SELECT DISTINCT session FROM public.seen",
				),
				"example.com_notes\n",
			);
			await psql("manager", 'ALTER DATABASE "example.com_notes" RESET ALL');
			t.is(
				await psql(
					"manager",
					`SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolsuper
					 UNION ALL SELECT DISTINCT usename FROM pg_stat_activity
						WHERE datname = 'manager' AND pid <> pg_backend_pid()`,
				),
				"postgres,root\napp_platform_manager\n",
			);
			for (const database of ["postgres", "example.com_notes"])
				t.regex(
					(
						await machine.console.run(
							`psql -U app_platform_manager -d ${database} -c ''`,
						)
					).output,
					/pg_hba.conf rejects/,
				);
		},
	);

	test.serial("a service cannot have the user of another", async (t) => {
		for (const [uid, reason] of [
			[0, "is not a user's number"],
			[70, "none of a service"],
			["02000", "is not a user's number"],
			[2000, "owns the files of notes"],
		]) {
			const log = `/tmp/run-app-${uid}`;
			const { exitCode } = await machine.console.run(
				`/usr/lib/app-platform/run-app other ${uid} ${log} touch /tmp/ran`,
			);
			t.not(exitCode, 0, `${uid}`);
			await eventually("the reason is logged", async () =>
				(await machine.console.run(`cat ${log}/current`)).output.includes(
					`${reason}`,
				)
					? true
					: undefined,
			);
		}
		await outputOf(machine.console, "test ! -e /tmp/ran");
	});
}
