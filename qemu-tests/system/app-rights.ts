import type { TestFn } from "ava";
import type { Machine } from "../machine/index.ts";
import { processes, processId } from "./processes.ts";
import { outputOf } from "./steps.ts";

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
					...["/run", "/sys", "/sys/fs/cgroup", "/tmp"],
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
			const password = (
				await outputOf(machine.console, `psql -d manager -Atc "${sql}"`)
			).trim();
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
}
