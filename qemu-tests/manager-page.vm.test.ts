import { join } from "node:path";
import test from "ava";
import { type Browser, chromium, type Page } from "playwright-core";
import { logDirectory, timeLimit } from "./machine/index.ts";
import { runningMachine } from "./system/base.ts";
import { managerPassword } from "./system/steps.ts";

const machine = runningMachine(test, "manager-page");

// Debian's Chromium, which shall talk to the guest and to nobody else.
const chromiumFlags = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

let browser: Browser;
let page: Page;
const complaints: string[] = [];

test.before("a browser is open", async () => {
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: chromiumFlags,
	});
	page = await browser.newPage({ ignoreHTTPSErrors: true });
	page.setDefaultTimeout(timeLimit(30_000));
	page.on("pageerror", (error) => complaints.push(error.message));
});
test.after.always(() => browser?.close());
test.afterEach.always(async (t) => {
	if (t.passed || !page) return;
	const path = join(logDirectory, "manager-page.png");
	await page.screenshot({ path });
	t.log(`The page is shown in ${path}`);
});

test.serial("shows a login page at /manager/", async (t) => {
	await page.goto(`${machine.url("https")}/manager/`);
	await page.getByLabel("Password").waitFor();
	t.regex(await page.title(), /App Platform/);
});

test.serial("refuses a wrong password and says so", async (t) => {
	await page.getByLabel("Password").fill("wrong");
	await page.getByRole("button", { name: "Log in" }).click();
	const problem = page.getByRole("alert");
	await problem.waitFor();
	t.regex((await problem.textContent()) ?? "", /password/i);
});

test.serial("lets the right password in", async (t) => {
	await page.getByLabel("Password").fill(managerPassword);
	await page.getByRole("button", { name: "Log in" }).click();
	await page.getByRole("button", { name: "Log out" }).waitFor();
	t.is(await page.getByLabel("Password").count(), 0);
});

test.serial("reminds of the default password", async (t) => {
	const reminder = page.getByRole("status");
	t.regex((await reminder.textContent()) ?? "", /default password/i);
});

test.serial("shows version, uptime, CPU, memory and disk", async (t) => {
	const card = (name: string) =>
		page
			.locator("section")
			.filter({ has: page.getByRole("heading", { name, exact: true }) });
	await card("System").waitFor();
	const system = await card("System").innerText();
	t.regex(system, /\d+\.\d+\.\d+, build \d+, x86_64/);
	t.regex(system, /Uptime\s+\d/);
	const usage = await card("CPU and memory").innerText();
	t.regex(usage, /CPU \(1 core\)\s*\d+ %/);
	t.regex(usage, /Memory\s*\d+ %/);
	t.regex(await card("Disk").innerText(), /\/mnt\/sda2\s*\d+ %/);
});

test.serial("shows that PostgreSQL 17 runs", async (t) => {
	const card = page.locator("section").filter({ hasText: "PostgreSQL" });
	await card.waitFor();
	const text = await card.innerText();
	t.regex(text, /running/);
	t.regex(text, /17\./);
});

test.serial("keeps the figures fresh without a reload", async (t) => {
	const upFor = page.locator("dt:text-is('Manager up for') + dd");
	const before = await upFor.innerText();
	await page.waitForFunction(
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

test.serial("asks again after logging out", async (t) => {
	await page.getByRole("button", { name: "Log out" }).click();
	await page.getByLabel("Password").waitFor();
	t.deepEqual(complaints, []);
});

test.serial("slows down who guesses passwords", async (t) => {
	const statuses = new Set<number>();
	for (let attempt = 0; attempt < 15; attempt++) {
		const response = await machine.fetch("https", "/manager/api/login", {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: JSON.stringify({ password: `guess ${attempt}` }),
		});
		statuses.add(response.status);
	}
	t.true(statuses.has(429));
	t.false(statuses.has(200));
});
