import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test from "ava";
import { makeStore } from "../../development/make-store.ts";
import { card, logInToPage } from "../../qemu-tests/system/manager-page.ts";
import { browserPage } from "../../testing/browser.ts";
import { TestAppliance, until } from "../../testing/test-appliance.ts";

// What an administrator sees of apps that make trouble.
const appliance = await TestAppliance.create();
const browser = browserPage(test, "out/apps-page.png");
const folder = join(appliance.manager.directory, "store");
let isSlow = true;

/** A store whose program does not arrive as long as it is slow. */
const server = createServer(async (request, response) => {
	const content = await readFile(join(folder, request.url ?? "")).catch(
		() => undefined,
	);
	if (!content) return void response.writeHead(404).end();
	if (!isSlow || !request.url?.endsWith("/troublemaker"))
		return void response.end(content);
	response.writeHead(200, { "content-length": content.length });
	response.write(content.subarray(0, 1024));
});

test.before(async () => {
	await makeStore(
		[join(import.meta.dirname, "../../testing/troublemaker")],
		folder,
	);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	await appliance.start();
});
test.after.always(async () => {
	server.closeAllConnections();
	server.close();
	await appliance.remove();
});

const button = (name: string) =>
	browser.page.getByRole("button", { name, exact: true });

test.serial("a slow download is shown and cancelled", async (t) => {
	await logInToPage(browser.page, appliance.managerOrigin);
	await button("Apps").click();
	const store = card(browser.page, "App store");
	const { port } = server.address() as AddressInfo;
	const address = store.getByLabel("Address of the store");
	// People type while the page is kept up to date.
	await address.pressSequentially(`http://127.0.0.1:${port}`, { delay: 100 });
	await button("Use this store").click();
	await store.getByText(/not signed: whoever controls its server/).waitFor();
	t.true(await button("Install Troublemaker").isDisabled());
	await button("Accept without a signature").click();
	await button("Install Troublemaker").click();
	await store.getByText(/Installing troublemaker: .*1\.0 KB/).waitFor();
	await button("Cancel").click();
	await store.getByRole("alert").getByText("was cancelled").waitFor();
	t.deepEqual((await appliance.done("services")).services, []);
});

test.serial("and tried again", async (t) => {
	isSlow = false;
	await button("Install Troublemaker").click();
	await browser.page.getByText("Troublemaker 1.0, build 1: running").waitFor();
	await card(browser.page, "App store")
		.getByText("installed", { exact: true })
		.waitFor();
	t.pass();
});

test.serial("one that crashes again and again is an alarm", async (t) => {
	t.timeout(90_000);
	const path = await appliance.createInstance(
		"troublemaker",
		"x",
		"of trouble",
	);
	for (let crash = 1; crash <= 5; crash++) {
		await appliance.waitUntilReached(path);
		await appliance.fetch(`${path}crash`).catch(() => {});
		await until(`crash ${crash}`, async () => {
			const [service] = (await appliance.done("services")).services;
			return service.crashes === crash;
		});
	}
	await card(browser.page, "Services")
		.getByText("has crashed, starts again, crashes again and again")
		.waitFor();
	await button("Overview").click();
	await card(browser.page, "Alarms")
		.getByText("Troublemaker crashes again and again: see its log")
		.waitFor();
	t.deepEqual(browser.errors, []);
});
