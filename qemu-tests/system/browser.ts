import { join } from "node:path";
import type { TestFn } from "ava";
import { type Browser, chromium, type Page } from "playwright-core";
import { logDirectory, timeLimit } from "../machine/index.ts";

// Debian's Chromium, which shall talk to the guest and to nobody else.
const flags = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

/** A browser with one page for the tests of a file. */
export interface BrowserPage {
	/** There as soon as a test runs. */
	readonly page: Page;
	/** Errors of the page's own scripts. */
	complaints: string[];
}

/** @param name of the picture of a page on which a test fails. */
export function browserPage(test: TestFn, name: string): BrowserPage {
	const complaints: string[] = [];
	let browser: Browser;
	let page: Page;
	test.before("a browser is open", async () => {
		browser = await chromium.launch({
			executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
			args: flags,
		});
		page = await browser.newPage({ ignoreHTTPSErrors: true });
		page.setDefaultTimeout(timeLimit(30_000));
		page.on("pageerror", (error) => complaints.push(error.message));
	});
	test.after.always(() => browser?.close());
	test.afterEach.always(async (t) => {
		if (t.passed || !page) return;
		const path = join(logDirectory, `${name}.png`);
		await page.screenshot({ path });
		t.log(`The page is shown in ${path}`);
	});
	return {
		get page() {
			return page;
		},
		complaints,
	};
}
