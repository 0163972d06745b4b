import { once } from "node:events";
import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { browserPage } from "./system/browser.ts";
import { notesPage, openNotes, putStore, storeFolder } from "./system/notes.ts";
import {
	loginPage,
	logins,
	managerPassword,
	managerSession,
	outputOf,
} from "./system/steps.ts";

// From a store in a folder of the device to instances that people use, whatever is killed.
const minute = 60_000;
const machine = runningMachine(test, "apps");
const browser = browserPage(test, "apps");
const domains = ["example.com", "example.org"];
const service = "/mnt/sda2/apps/notes/notes";

test.serial("a store lies on the device", async (t) => {
	await putStore(machine);
	t.pass();
});

test.serial("a service is installed in the browser", async (t) => {
	const page = browser.page;
	await page.goto(`${machine.url("https")}/manager/`);
	await page.getByLabel("Password").fill(managerPassword);
	await page.getByRole("button", { name: "Log in" }).click();
	await page.getByRole("button", { name: "Apps" }).click();
	await page.getByLabel("Address of the store").fill(storeFolder);
	await page.getByRole("button", { name: "Use this store" }).click();
	await page.getByRole("button", { name: "Install Notes" }).click();
	await page
		.getByText("Notes 1.0, build 10001: running")
		.waitFor({ timeout: timeLimit(2 * minute) });
	t.pass();
});

for (const domain of domains)
	test.serial(`an instance for ${domain} is made in the browser`, async (t) => {
		t.timeout(timeLimit(3 * minute));
		const page = browser.page;
		const form = page.locator("details", { hasText: "New instance" });
		if ((await form.getAttribute("open")) === null)
			await form.locator("summary").click();
		await form.getByLabel("Domain", { exact: true }).fill(domain);
		await form.getByLabel("Name", { exact: true }).fill("notes");
		await form.getByRole("button", { name: "Create the instance" }).click();
		await page
			.getByRole("listitem")
			.filter({ hasText: `/${domain}/notes/: running` })
			.waitFor({ timeout: timeLimit(2 * minute) });
		t.regex(await pageOf(domain), /<title>Notes<\/title>/);
	});

test.serial("the app's files are served as they are stored", async (t) => {
	const headers = { "accept-encoding": "br" };
	const path = `${notesOf("example.com")}notes.js`;
	const script = await machine.fetch("https", path, { headers });
	t.is(script.status, 200);
	t.is(script.headers.get("content-encoding"), "br");
	t.regex(await script.text(), /new WebSocket/);
	const etag = script.headers.get("etag") ?? "";
	const again = await machine.fetch("https", path, {
		headers: { ...headers, "if-none-match": etag },
	});
	t.is(again.status, 304);
	const listed = await outputOf(
		machine.console,
		"stat -c '%U %a' /mnt/sda2/apps/notes/web /mnt/sda2/apps/notes/web/notes.js",
	);
	t.deepEqual(listed.trim().split(/\s*\n/), ["root 755", "root 755"]);
});

test.serial("two people see each other's edits", async (t) => {
	const one = await notes("example.com");
	const two = await notes("example.com");
	one.socket.send("bread and milk");
	const [seen] = await once(two.socket, "message");
	t.is(String(seen), "bread and milk");
	t.is((await notes("example.org")).text, "");
	for (const { socket } of [one, two]) socket.terminate();
});

test.serial(
	"the service has a user of its own and no more rights",
	async (t) => {
		const pid = await processId(service);
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
		const limits = await outputOf(
			machine.console,
			"cd /sys/fs/cgroup/apps/notes && cat memory.max pids.max",
		);
		const [memory, processes] = limits.trim().split(/\s+/).map(Number);
		t.true(Number(memory) > 100_000_000 && Number(memory) < 300_000_000);
		t.is(processes, 200);
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
	"an instance's password opens its own database and no other",
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

test.serial("it keeps a log", async (t) => {
	await outputOf(machine.console, "test -s /var/log/apps/notes/config");
	await outputOf(machine.console, "test -e /var/log/apps/notes/current");
	t.pass();
});

for (const [name, command] of [
	["the service", service],
	["HAProxy", "haproxy "],
	["PostgreSQL", "postgres -D"],
	["the manager", "/apps/manager/manager"],
] as const)
	test.serial(`all is there again after kill -9 of ${name}`, async (t) => {
		t.timeout(timeLimit(5 * minute));
		const pid = await processId(command);
		await outputOf(machine.console, `kill -9 ${pid}`);
		await eventually(
			"it is another process",
			async () => {
				const now = await processId(command).catch(() => pid);
				return now === pid ? undefined : now;
			},
			{ timeoutMs: minute },
		);
		await eventually("the notes are there", async () => {
			const { text } = await notes("example.com");
			return text === "bread and milk" ? text : undefined;
		});
		t.regex(await pageOf("example.org"), /<title>Notes<\/title>/);
	});

test.serial("a crash of the service leaves a core dump", async (t) => {
	const pid = await processId(service);
	await outputOf(machine.console, `kill -SEGV ${pid}`);
	const dump = `/var/log/core_dumps/notes/core.${pid}.*`;
	await eventually("the core dump is there", async () => {
		const { exitCode } = await machine.console.run(`test -s ${dump}`);
		return exitCode === 0 || undefined;
	});
	await eventually("the notes are there", async () => {
		const { text } = await notes("example.com");
		return text === "bread and milk" || undefined;
	});
	t.pass();
});

test.serial("only one process of the service is left", async (t) => {
	const pids = await outputOf(
		machine.console,
		"cat /sys/fs/cgroup/apps/notes/cgroup.procs",
	);
	t.is(pids.trim().split(/\s+/).length, 1, pids);
});

test.serial("all is there again after a restart of the machine", async (t) => {
	t.timeout(timeLimit(8 * minute));
	machine.console.send("reboot\n");
	await machine.waitForReboot({ timeoutMs: 2 * minute });
	await loginPage(machine);
	await eventually(
		"the notes are there",
		async () => {
			const { text } = await notes("example.com");
			return text === "bread and milk" ? text : undefined;
		},
		{ timeoutMs: 2 * minute },
	);
	t.regex(await pageOf("example.org"), /<title>Notes<\/title>/);
	t.deepEqual(browser.complaints, []);
});

test.serial("an instance that is deleted leaves nothing", async (t) => {
	t.timeout(timeLimit(3 * minute));
	const call = await managerSession(machine);
	const { instances } = (await call("instances")) as {
		instances: { id: number; domain: string }[];
	};
	const id = instances.find(({ domain }) => domain === "example.com")?.id;
	await call("instanceDelete", { id, name: "notes" });
	await machine.console.login(...logins.root);
	t.regex(
		await outputOf(machine.console, "ls /mnt/sda2/apps/notes/instances"),
		/^\d+\s*$/,
	);
	const names =
		"SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles";
	t.notRegex(
		await outputOf(machine.console, `psql -d manager -Atc '${names}'`),
		/example\.com/,
	);
	t.regex(await pageOf("example.org"), /<title>Notes<\/title>/);
});

const notesOf = (domain: string) => `/${domain}/notes/`;

/** The page of an instance, as soon as the web server leads to it. */
const pageOf = (domain: string) => notesPage(machine, notesOf(domain));

/** A WebSocket to an instance, and what it was told first. */
const notes = (domain: string) => openNotes(machine, notesOf(domain));

async function processId(command: string): Promise<string> {
	const pids = await outputOf(
		machine.console,
		`pgrep -o -f '^(/usr/bin/node )?${command}'`,
	);
	return pids.trim();
}
