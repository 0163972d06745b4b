import { join } from "node:path";
import type { TestFn } from "ava";
import {
	type BrowserPage,
	browserPage,
} from "../../manager/testing/browser.ts";
import { logDirectory, timeLimit } from "../machine/index.ts";

/** A browser for the pages of a guest. @param name of the picture of a page on which a test fails. */
export function guestBrowser(test: TestFn, name: string): BrowserPage {
	return browserPage(
		test,
		join(logDirectory, `${name}.png`),
		timeLimit(30_000),
	);
}
