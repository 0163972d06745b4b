import type { TestFn } from "ava";
import {
	type Browser,
	type BrowserContext,
	chromium,
	type Page,
} from "playwright-core";

// Debian's Chromium, which shall talk to what is tested and to nobody else.
const flags = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

/** Refusals are answers with such a status, and machines are switched off in tests. */
const ofNetwork = /^(Failed to load resource|WebSocket connection to)/;

/** A browser with one page for the tests of a file. */
export interface BrowserPage {
	/** There as soon as a test runs. */
	readonly page: Page;
	/** One more, of the same person. */
	anotherPage(): Promise<Page>;
	/** Errors of the pages' own scripts, and what the browser has refused them. */
	complaints: string[];
}

/**
 * @param picture path of the picture of a page on which a test fails.
 * @param patienceMs of each step in the page.
 */
export function browserPage(
	test: TestFn,
	picture: string,
	patienceMs = 30_000,
): BrowserPage {
	const complaints: string[] = [];
	let browser: Browser;
	let context: BrowserContext;
	let page: Page;
	test.before("a browser is open", async () => {
		browser = await chromium.launch({
			executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
			args: flags,
		});
		context = await browser.newContext({ ignoreHTTPSErrors: true });
		context.setDefaultTimeout(patienceMs);
		context.on("weberror", (error) => complaints.push(error.error().message));
		context.on("console", (message) => {
			if (message.type() === "error" && !ofNetwork.test(message.text()))
				complaints.push(message.text());
		});
		page = await context.newPage();
	});
	test.after.always(() => browser?.close());
	test.afterEach.always(async (t) => {
		if (t.passed || !page) return;
		await page.screenshot({ path: picture, fullPage: true });
		t.log(`The page is shown in ${picture}`);
	});
	return {
		get page() {
			return page;
		},
		anotherPage: () => context.newPage(),
		complaints,
	};
}
