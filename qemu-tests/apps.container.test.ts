import test from "ava";
import { eventually, timeLimit } from "./machine/index.ts";
import { appRightsTests } from "./system/app-rights.ts";
import { runningContainer } from "./system/base.ts";
import { startDatabaseRelay } from "./system/database-relay.ts";
import {
	card,
	guestBrowser,
	logInToPage,
	unfold,
} from "./system/manager-page.ts";
import {
	newerNotes,
	notesPage,
	notesPath,
	openNotes,
	putStore,
	storeDirectory,
	waitForNotes,
} from "./system/notes.ts";
import { managerSession, outputOf, postgresqlVersion } from "./system/steps.ts";

// From a store in a directory of the device to running instances, in the browser.
const minute = 60_000;
const machine = runningContainer(test, "apps");
const browser = guestBrowser(test, "apps");
const domains = ["example.com", "example.org"];
const written = "bread and milk";

test.serial("a store is on the device", async (t) => {
	await putStore(machine);
	t.pass();
});

test.serial("an app is found in the store", async (t) => {
	await logInToPage(browser.page, machine.url("manager"));
	await button("Apps").click();
	const store = card(browser.page, "App store");
	await store.getByLabel("Address of the store").fill(storeDirectory);
	await button("Use this store").click();
	await button("Install Files").waitFor();
	const offers = store.getByRole("button", { name: /^Install / });
	for (const [words, found] of [
		["webdav", ["Install Files"]],
		["no such app", []],
		["NOTES", ["Install Notes"]],
	] as const) {
		await store.getByLabel("Search").fill(words);
		t.deepEqual(await offers.allTextContents(), [...found]);
	}
});

test.serial("an app is installed", async (t) => {
	await button("Install Notes").click();
	await browser.page
		.getByText("Notes 1.0, build 10001: running")
		.waitFor({ timeout: timeLimit(2 * minute) });
	t.pass();
});

for (const domain of domains)
	test.serial(`an instance in ${domain} is created`, async (t) => {
		t.timeout(timeLimit(3 * minute));
		const form = await unfold(card(browser.page, "Instances"), "New instance");
		await form.getByLabel("Domain", { exact: true }).fill(domain);
		await form.getByLabel("Name", { exact: true }).fill("notes");
		await button("Create the instance").click();
		await waitUntilRunning(`/${domain}/notes/`);
		t.regex(
			await notesPage(machine, notesPath(domain)),
			/<title>Notes<\/title>/,
		);
	});

test.serial("the app's files are served compressed and cached", async (t) => {
	const headers = { "accept-encoding": "br" };
	const path = `${notesPath("example.com")}notes.js`;
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
	t.deepEqual(listed.trim().split(/\s*\n/), ["manager 755", "manager 755"]);
});

test.serial("two users see each other's edits", async (t) => {
	const fields = [];
	for (const domain of ["example.com", "example.com", "example.org"]) {
		const page = await browser.anotherPage();
		t.teardown(() => page.close());
		await page.goto(machine.url("https") + notesPath(domain));
		fields.push(page.getByLabel("Notes"));
	}
	const [one, two, other] = fields;
	await one?.fill(written);
	await eventually("the other sees it", async () =>
		(await two?.inputValue()) === written ? true : undefined,
	);
	t.is(await other?.inputValue(), "");
});

appRightsTests(test, machine);

test.serial("the log of a service is shown live", async (t) => {
	const log = await unfold(card(browser.page, "Services"), "Log");
	const lines = async () =>
		(await log.innerText()).match(
			/notes@example\.org: somebody has opened the notes/g,
		)?.length ?? 0;
	const before = await eventually("the log is shown", async () =>
		(await lines()) > 0 ? lines() : undefined,
	);
	const { socket } = await openNotes(machine, notesPath("example.org"));
	socket.terminate();
	await eventually("there is another line", async () =>
		(await lines()) === before + 1 ? true : undefined,
	);
	await outputOf(machine.console, "test -s /var/log/apps/notes/config");
	t.pass();
});

test.serial("an instance moves to another path with its data", async (t) => {
	const form = await editForm("/example.com/notes/");
	await form.getByLabel("Domain", { exact: true }).fill("example.net");
	await form.getByLabel("Name", { exact: true }).fill("memo");
	await form.getByRole("button", { name: "Change" }).click();
	await waitUntilRunning("/example.net/memo/");
	await assertTextKept();
	const before = await machine.fetch("https", "/example.com/notes/");
	t.is(before.status, 404);
});

test.serial("a database on another host is tested and used", async (t) => {
	t.timeout(timeLimit(5 * minute));
	// As documented in docs/security.md.
	await outputOf(
		machine.console,
		"echo 'tcp dport 5433 accept' >/mnt/sda2/system/apps-tunnel.nft && nft -f /etc/nftables/apps.nft",
	);
	await startDatabaseRelay(machine.console, 5433);
	const version = await postgresqlVersion(machine.console);
	const works = RegExp(`It works: PostgreSQL ${version}.*without TLS`);
	const call = await managerSession(machine);
	const { instances } = (await call("instances")) as {
		instances: { id: number; path: string }[];
	};
	const id = instances.find(({ path }) => path === "/example.net/memo/")?.id;
	const { databasePassword } = (await call("instanceCredentials", {
		id,
	})) as { databasePassword: string };
	const form = await editForm("/example.net/memo/");
	const host = form.getByLabel("Host, with a port");
	const tls = form.getByLabel(/^TLS/);
	const password = form.getByLabel("Database password", { exact: true });
	await host.fill("127.0.0.1:5433");
	await form.getByRole("button", { name: "Try the database" }).click();
	await form.getByText(/Enter the database password too/).waitFor();
	for (const [address, mode, word, expected] of [
		[
			"127.0.0.1:1",
			"prefer",
			"any",
			/127\.0\.0\.1 refuses connections on port 1:/,
		],
		["127.0.0.1:5433", "require", "any", /The server does not support TLS/],
		["127.0.0.1:5433", "prefer", "wrong", /does not accept the user/],
		["127.0.0.1:5433", "prefer", databasePassword, works],
	] as const) {
		await host.fill(address);
		await tls.selectOption(mode);
		await password.fill(word);
		await form.getByRole("button", { name: "Try the database" }).click();
		await form.getByRole("status").filter({ hasText: expected }).waitFor();
	}
	await form.getByRole("button", { name: "Change" }).click();
	const row = await waitUntilRunning("/example.net/memo/");
	await row.filter({ hasText: "its data are on 127.0.0.1:5433" }).waitFor();
	await assertTextKept();
	t.pass();
});

test.serial("an instance moves back to the device's database", async (t) => {
	const form = await editForm("/example.net/memo/");
	await form.getByLabel("Host, with a port").fill("");
	await form.getByRole("button", { name: "Change" }).click();
	await form.getByRole("button", { name: "Clean up database" }).click();
	await form.getByText(/Last time: .* before, .* after/).waitFor();
	await waitUntilRunning("/example.net/memo/");
	await assertTextKept();
	t.pass();
});

test.serial("a developer uploads another build", async (t) => {
	t.timeout(timeLimit(5 * minute));
	await button("Switch developer mode on").click();
	const archive = browser.page.getByLabel("App as a tar archive");
	await archive.setInputFiles({
		...{ name: "notes.tar", mimeType: "application/x-tar" },
		buffer: await newerNotes({ build: 10002, label: "1.1" }),
	});
	await button("Upload and install").click();
	await browser.page
		.getByText("Notes 1.1, build 10002: running")
		.waitFor({ timeout: timeLimit(2 * minute) });
	await waitUntilRunning("/example.net/memo/");
	await assertTextKept();
	t.pass();
});

test.serial("deleting an instance requires typing its name", async (t) => {
	t.timeout(timeLimit(3 * minute));
	const row = rowOf("/example.net/memo/");
	const form = await unfold(row, "Delete");
	for (const [typed, outcome] of [
		["notes", row.getByText("Type the instance's name, memo,")],
		["memo", undefined],
	] as const) {
		await form.getByLabel("To confirm, type its name").fill(typed);
		await form.getByRole("button", { name: "Delete" }).click();
		if (outcome) await outcome.waitFor();
		else await row.waitFor({ state: "detached" });
	}
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
	t.regex(
		await notesPage(machine, notesPath("example.org")),
		/<title>Notes<\/title>/,
	);
});

test.serial("an app with instances is not uninstalled", async (t) => {
	await button("Remove Notes").click();
	await card(browser.page, "Services")
		.getByRole("alert")
		.filter({ hasText: "1 instance" })
		.waitFor();
	t.regex(
		await notesPage(machine, notesPath("example.org")),
		/<title>Notes<\/title>/,
	);
});

test.serial("the browser reports no errors", (t) => {
	t.deepEqual(browser.errors, []);
});

const button = (name: string) =>
	browser.page.getByRole("button", { name, exact: true });

/** The row of an instance on the apps page. */
const rowOf = (path: string) =>
	card(browser.page, "Instances")
		.getByRole("listitem")
		.filter({
			has: browser.page.getByRole("link", { name: path, exact: true }),
		});

async function waitUntilRunning(path: string) {
	const row = rowOf(path).filter({ hasText: `${path}: running` });
	await row.waitFor({ timeout: timeLimit(2 * minute) });
	return row;
}

const editForm = (path: string) => unfold(rowOf(path), "Edit");

const assertTextKept = () =>
	waitForNotes(machine, "/example.net/memo/", written);
