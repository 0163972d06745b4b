import type { Locator, Page } from "playwright-core";
import { managerPassword } from "./steps.ts";

// Steps on the manager's pages, in a browser.

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
