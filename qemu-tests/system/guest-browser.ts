import { join } from "node:path";
import type { TestFn } from "ava";
import { type BrowserPage, browserPage } from "../../testing/browser.ts";
import { logDirectory, timeLimit } from "../machine/index.ts";

/** Returns a browser for the pages of a guest. @param name of the screenshot of a page when a test fails. */
export function guestBrowser(test: TestFn, name: string): BrowserPage {
	return browserPage(
		test,
		join(logDirectory, `${name}.png`),
		timeLimit(30_000),
	);
}
