import test from "ava";
import { timeLimit } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import { guestBrowser } from "./system/manager-page.ts";
import { logins, managerPassword, postgresqlVersion } from "./system/steps.ts";

const machine = runningContainer(test, "manager-page");

const browser = guestBrowser(test, "manager-page");
const { errors } = browser;

test.serial("shows a login page at /manager/", async (t) => {
	await browser.page.goto(`${machine.url("manager")}/manager/`);
	await browser.page.getByLabel("Password").waitFor();
	t.regex(await browser.page.title(), /App Platform/);
});

test.serial("shows an error for a wrong password", async (t) => {
	await browser.page.getByLabel("Password").fill("wrong");
	await browser.page.getByRole("button", { name: "Log in" }).click();
	const problem = browser.page.getByRole("alert");
	await problem.waitFor();
	t.regex((await problem.textContent()) ?? "", /password/i);
});

test.serial("accepts the right password", async (t) => {
	await browser.page.getByLabel("Password").fill(managerPassword);
	await browser.page.getByRole("button", { name: "Log in" }).click();
	await browser.page.getByRole("button", { name: "Log out" }).waitFor();
	t.is(await browser.page.getByLabel("Password").count(), 0);
});

test.serial("warns about the default password", async (t) => {
	const reminder = browser.page.getByRole("status");
	t.regex((await reminder.textContent()) ?? "", /default password/i);
});

test.serial("shows version, uptime, CPU, memory and disk", async (t) => {
	const card = (name: string) =>
		browser.page.locator("section").filter({
			has: browser.page.getByRole("heading", { name, exact: true }),
		});
	await card("System").waitFor();
	const system = await card("System").innerText();
	t.regex(system, /\d+\.\d+\.\d+, build \d+, x86_64/);
	t.regex(system, /Uptime\s+\d/);
	const usage = await card("CPU and memory").innerText();
	t.regex(usage, /CPU \(\d+ cores?\)\s*\d+ %/);
	t.regex(usage, /Memory\s*\d+ %/);
	t.regex(await card("Disk").innerText(), /\/mnt\/sda2\s*\d+ %/);
});

test.serial("shows that PostgreSQL runs and its version", async (t) => {
	const card = browser.page
		.locator("section")
		.filter({ hasText: "PostgreSQL" });
	await card.waitFor();
	const text = await card.innerText();
	t.regex(text, /running/);
	await machine.console.login(...logins.root);
	const [, shown] = /Version\s+(\d+\.\d+)/.exec(text) ?? [];
	t.is(shown, await postgresqlVersion(machine.console));
});

test.serial("updates the figures without a reload", async (t) => {
	const upFor = browser.page.locator("dt:text-is('Manager up for') + dd");
	const before = await upFor.innerText();
	await browser.page.waitForFunction(
		(old) =>
			[...document.querySelectorAll("dt")].some(
				(term) =>
					term.textContent === "Manager up for" &&
					term.nextElementSibling?.textContent !== old,
			),
		before,
		{ timeout: timeLimit(90_000) },
	);
	t.pass();
});

test.serial("shows the login page after logging out", async (t) => {
	await browser.page.getByRole("button", { name: "Log out" }).click();
	await browser.page.getByLabel("Password").waitFor();
	t.deepEqual(errors, []);
});

test.serial("limits the rate of login attempts", async (t) => {
	const statuses = new Set<number>();
	for (let attempt = 0; attempt < 15; attempt++) {
		const response = await machine.fetch("manager", "/manager/api/login", {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ password: `guess ${attempt}` }),
		});
		statuses.add(response.status);
	}
	t.true(statuses.has(429));
	t.false(statuses.has(200));
});
