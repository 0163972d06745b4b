import type { TestFn } from "ava";
import {
	type Browser,
	type BrowserContext,
	chromium,
	type Page,
} from "playwright-core";

// Keep Debian's Chromium from connecting to anything but the tested system.
export const chromiumFlags = [
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

export const chromiumPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Expected in tests: the manager refuses requests, and machines are switched off. */
const networkErrors = /^(Failed to load resource|WebSocket connection to)/;

/** A browser with one page for the tests of a file. */
export interface BrowserPage {
	/** Available once a test runs. */
	readonly page: Page;
	/** Opens another page in the same session. */
	anotherPage(): Promise<Page>;
	/** Errors of the pages' scripts, and what the browser blocked, for instance by its CSP. */
	errors: string[];
}

/**
 * @param screenshot path of the screenshot that is taken when a test fails.
 * @param timeoutMs for each step in the page.
 */
export function browserPage(
	test: TestFn,
	screenshot: string,
	timeoutMs = 30_000,
): BrowserPage {
	const errors: string[] = [];
	let browser: Browser;
	let context: BrowserContext;
	let page: Page;
	test.before("a browser is open", async () => {
		browser = await chromium.launch({
			executablePath: chromiumPath,
			args: chromiumFlags,
		});
		context = await browser.newContext({ ignoreHTTPSErrors: true });
		context.setDefaultTimeout(timeoutMs);
		context.on("weberror", (error) => errors.push(error.error().message));
		context.on("console", (message) => {
			if (message.type() === "error" && !networkErrors.test(message.text()))
				errors.push(message.text());
		});
		page = await context.newPage();
	});
	test.after.always(() => browser?.close());
	test.afterEach.always(async (t) => {
		if (t.passed || !page) return;
		await page.screenshot({ path: screenshot, fullPage: true });
		t.log(`Screenshot of the page: ${screenshot}`);
	});
	return {
		get page() {
			return page;
		},
		anotherPage: () => context.newPage(),
		errors,
	};
}
