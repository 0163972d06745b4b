import { join } from "node:path";
import test from "ava";
import { Client } from "pg";
import { freePort } from "../../development/free-port.ts";
import { card } from "../../qemu-tests/system/manager-page.ts";
import { browserPage } from "../../testing/browser.ts";
import { TestAppliance, until } from "../../testing/test-appliance.ts";
import { startTemporaryCluster } from "../database/temporary-cluster.ts";

// What an admin does on the manager's page, in a browser.
const notes = join(import.meta.dirname, "../../apps/notes");
const appliance = await TestAppliance.withApp(notes);
const port = await freePort();
const external = await startTemporaryCluster({
	port: String(port),
	listen_addresses: "127.0.0.1",
});
const browser = browserPage(test, "out/manager-pages.png");

test.before(async () => {
	const admin = new Client({
		...{ host: external.host, port, user: external.user, database: "postgres" },
	});
	await admin.connect();
	await admin.query(
		"CREATE ROLE \"example.com_one\" LOGIN PASSWORD 'secret one'",
	);
	await admin.query(
		'CREATE DATABASE "example.com_one" OWNER "example.com_one"',
	);
	await admin.end();
});
test.after.always(async () => {
	await appliance.remove();
	await external.remove();
});

test.serial("somebody logs in", async (t) => {
	const { page } = browser;
	await page.goto(`${appliance.managerOrigin}/manager/`);
	await page.getByLabel("Password").fill("pwd");
	await page.getByRole("button", { name: "Log in" }).click();
	await page.getByRole("button", { name: "Log out" }).waitFor();
	t.pass();
});

test.serial("past alarms are shown to whom wants them", async (t) => {
	const { page } = browser;
	const sql = `INSERT INTO alarm VALUES (gen_random_uuid(), 'notes', NULL, 1,
		'major', 'the boiler was cold', NULL, now() - interval '1 hour', now())`;
	await appliance.manager.query(sql);
	await page.getByText("Show the last ones").click();
	await page.getByText("notes: the boiler was cold").waitFor();
	t.pass();
});

test.serial("the hour of database optimization is set", async (t) => {
	const { page } = browser;
	await page.getByRole("button", { name: "Settings" }).click();
	const hour = page.getByLabel(/^Each night/);
	await hour.waitFor();
	t.is(await hour.inputValue(), "22");
	await hour.selectOption("3:00");
	await page.getByRole("button", { name: "Use this hour" }).click();
	await until(
		"it is stored",
		async () => (await appliance.done("databaseOptimization")).hour === 3,
	);
	await page.getByRole("button", { name: "Optimize now" }).click();
	await page.getByText(/Last on/).waitFor();
	t.is(await hour.inputValue(), "3");
});

for (const { title, each, operation } of [
	{
		...{ title: "Database size", each: "Each database" },
		operation: "databaseLimit",
	},
	{
		...{ title: "Files of apps", each: "The files of each app" },
		operation: "fileLimit",
	},
])
	test.serial(`the limit under ${title} is set`, async (t) => {
		const limit = card(browser.page, title);
		await limit.getByText(`${each} may use half of the disk.`).waitFor();
		await limit.getByLabel("Limit in MB").fill("4000");
		await limit.getByRole("button", { name: "Save limit" }).click();
		await limit.getByText(`${each} may have 4000 MB.`).waitFor();
		t.is((await appliance.done(operation)).megabytes, 4000);
		await limit.getByLabel("Limit in MB").fill("");
		await limit.getByRole("button", { name: "Save limit" }).click();
		await limit.getByText(`${each} may use half of the disk.`).waitFor();
	});

test.serial("the DNS name is set, what is none is refused", async (t) => {
	const { page } = browser;
	const name = page.getByLabel("Name by which");
	await page.getByText("Apps know none.").waitFor();
	await name.fill("not a name");
	await page.getByRole("button", { name: "Use this name" }).click();
	await page.getByText(/is a host name/).waitFor();
	t.is(await name.inputValue(), "not a name");
	await name.fill("apps.example.com");
	await page.getByRole("button", { name: "Use this name" }).click();
	await page.getByText("Apps know apps.example.com.").waitFor();
	await name.fill("");
	await page.getByRole("button", { name: "Use this name" }).click();
	await page.getByText("Apps know none.").waitFor();
});

test.serial("the manager's address is set", async (t) => {
	const { page } = browser;
	const address = card(page, "Manager's address");
	const name = address.getByLabel("Host name that leads");
	const shared = address.getByLabel("Serve the manager on port 443");
	const save = address.getByRole("button", { name: "Save" });
	await name.fill("not a name");
	await save.click();
	await address.getByText(/is a host name/).waitFor();
	await name.fill("manager.example.com");
	await save.click();
	await until(
		"it is stored",
		async () =>
			(await appliance.done("managerHostName")).hostName ===
			"manager.example.com",
	);
	t.false((await appliance.done("managerOnAppOrigin")).isOn);
	await name.fill("");
	await shared.check();
	await save.click();
	await until(
		"both are stored",
		async () => (await appliance.done("managerOnAppOrigin")).isOn,
	);
	t.is((await appliance.done("managerHostName")).hostName, null);
	await shared.uncheck();
	await save.click();
	await until(
		"the default is stored",
		async () => !(await appliance.done("managerOnAppOrigin")).isOn,
	);
});

test.serial(
	"a database elsewhere is tried before there is an instance",
	async (t) => {
		const { page } = browser;
		await page.getByRole("button", { name: "Apps" }).click();
		const form = page.locator("details", { hasText: "New instance" });
		await form.locator("summary").click();
		const tried = form.getByRole("button", { name: /^Try the database/ });
		const fill = (label: string, text: string) =>
			form.getByLabel(label, { exact: true }).fill(text);
		await fill("Domain", "example.com");
		await fill("Name", "one");
		await tried.click();
		await form
			.getByText(/only a database on another host can be tested/)
			.waitFor();
		await form.getByLabel(/^Host/).fill(`127.0.0.1:${port}`);
		await tried.click();
		await form.getByText(/Enter the database, user and password/).waitFor();
		await fill("Database password", "wrong password");
		await tried.click();
		await form.getByText(/with this password/).waitFor();
		await fill("Database password", "secret one");
		await tried.click();
		await form.getByText(/^It works: PostgreSQL/).waitFor();
		t.deepEqual((await appliance.done("instances")).instances, []);
		await form.getByRole("button", { name: "Create the instance" }).click();
		await page
			.getByRole("listitem")
			.filter({ hasText: "/example.com/one/: running" })
			.waitFor();
		t.deepEqual(browser.errors, []);
	},
);

test.serial("an app is opened at the address of the apps", async (t) => {
	const { page } = browser;
	await page.getByRole("link", { name: "/example.com/one/" }).click();
	await page.waitForURL(`${appliance.origin}/example.com/one/`);
	t.is(await page.title(), "Notes");
});
