import { join } from "node:path";
import type { TestFn } from "ava";
import type { Locator, Page } from "playwright-core";
import { type BrowserPage, browserPage } from "../../testing/browser.ts";
import { logDirectory, timeLimit } from "../machine/index.ts";
import { managerPassword } from "./steps.ts";

// Steps on the manager's pages, in a browser.

/** Returns a browser for the pages of a guest. @param name of the screenshot of a page when a test fails. */
export function guestBrowser(test: TestFn, name: string): BrowserPage {
	return browserPage(
		test,
		join(logDirectory, `${name}.png`),
		timeLimit(30_000),
	);
}

/** Opens the manager's page and logs in. @param origin such as `https://127.0.0.1:443`. */
export async function logInToPage(
	page: Page,
	origin: string,
	password = managerPassword,
): Promise<void> {
	await page.goto(`${origin}/manager/`);
	await page.getByLabel("Password").fill(password);
	await page.getByRole("button", { name: "Log in" }).click();
	await page.getByRole("button", { name: "Log out" }).waitFor();
}

/** Returns the section of a page with a heading. */
export function card(page: Page, heading: string): Locator {
	return page
		.locator("section")
		.filter({ has: page.getByRole("heading", { name: heading, exact: true }) });
}

/** Opens the details element with a summary that occurs once; does nothing if it is open. */
export async function unfold(
	within: Locator,
	summary: string,
): Promise<Locator> {
	const details = within.locator("details").filter({
		has: within.page().locator(`summary:text-is("${summary}")`),
	});
	await details.waitFor();
	if ((await details.getAttribute("open")) === null)
		await details.locator("summary").click();
	return details;
}
