import test from "ava";
import { PageServer } from "./page-server.ts";

Object.assign(globalThis, {
	WEB_FILES: [{ name: "", type: "text/html", content: "<p>page" }],
});

test("pages are served before the API server takes over; other requests wait for it", async (t) => {
	const pages = new PageServer({ kind: "loopback", port: 0 }, "444");
	const address = await pages.listening;
	const health = fetch(`${address}/manager/api/health`);
	const page = await fetch(`${address}/manager/`);
	t.is(await page.text(), "<p>page");
	t.is(page.headers.get("content-type"), "text/html");
	t.regex(page.headers.get("content-security-policy") ?? "", /default-src/);
	t.is(page.headers.get("cache-control"), "no-store");

	pages.takeOver((request, response) => response.end(`API ${request.url}`));
	t.is(await (await health).text(), "API /manager/api/health");
	const later = await fetch(`${address}/manager/`);
	t.is(await later.text(), "API /manager/");
	await pages.close();
	await t.throwsAsync(fetch(`${address}/manager/`));
});
