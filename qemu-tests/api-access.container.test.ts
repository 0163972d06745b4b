import { once } from "node:events";
import test from "ava";
import { AppClient } from "../testing/app-client.ts";
import { within } from "./machine/index.ts";
import { runningContainer } from "./system/base.ts";
import {
	card,
	guestBrowser,
	logInToPage,
	unfold,
} from "./system/manager-page.ts";
import { managerCookie, managerPassword } from "./system/steps.ts";

// Clients of the manager's API: a PBX by AppWebsocket, scripts with tokens.
const machine = runningContainer(test, "api-access");
const browser = guestBrowser(test, "api-access");
const newPassword = "of the administrator";
const loggedIn = { mt: "AppLoginResult", ok: true };
let client: AppClient;
let token = "";

test.serial("a PBX logs in and requests device information", async (t) => {
	await managerCookie(machine); // Waits for the manager's database.
	client = await connect();
	t.deepEqual(await client.logIn(managerPassword), loggedIn);
	const info = await client.ask({ mt: "AppPlatformInfoRequest", src: "1" });
	t.like(info, { mt: "AppPlatformInfoResult", platform: "x86_64", src: "1" });
	t.regex(String(info.version), /^\d+\.\d+\.\d+$/);
});

test.serial("a wrong password is refused", async (t) => {
	const stranger = await connect();
	const closed = stranger.closed();
	t.like(await stranger.logIn("wrong"), { ok: false, error: "wrongPassword" });
	t.is(await closed, 4401);
});

test.serial("no token can be created with the default password", async (t) => {
	await logInToPage(browser.page, machine.url("manager"));
	await createToken("too early");
	await tokens()
		.getByRole("alert")
		.filter({ hasText: "Change the default password" })
		.waitFor();
	t.pass();
});

test.serial("changing the password closes the PBX's connection", async (t) => {
	const { page } = browser;
	const closed = client.closed();
	await page.getByRole("button", { name: "Change password" }).click();
	await page
		.getByLabel("Current password", { exact: true })
		.fill(managerPassword);
	await page.getByLabel("New password (8").fill(newPassword);
	await page.getByLabel("New password again").fill(newPassword);
	await page.locator("form").getByRole("button", { name: "Change" }).click();
	await within("the end of the PBX's connection", 60_000, closed);
	await page.getByText(/default password/i).waitFor({ state: "detached" });
	const again = await connect();
	t.deepEqual(await again.logIn(newPassword), loggedIn);
	again.socket.terminate();
});

test.serial("a read-only token can read but not change", async (t) => {
	await createToken("monitoring");
	token = await tokens().getByRole("status").locator("code").innerText();
	const status = await callWithToken("systemStatus");
	t.is(status.status, 200);
	t.like(await status.json(), { release: { target: "x86_64" } });
	const change = await callWithToken("storeUrlChange", { url: "/store" });
	t.is(change.status, 403);
});

test.serial("revoking a token closes its WebSocket", async (t) => {
	const socket = machine.websocket("/manager/api/ws", bearer());
	await once(socket, "open");
	const closed = once(socket, "close");
	const row = tokens().getByRole("listitem").filter({ hasText: "monitoring" });
	await row.getByRole("button", { name: "Revoke monitoring" }).click();
	await row.waitFor({ state: "detached" });
	await within("the end of the script's WebSocket", 60_000, closed);
	t.is((await callWithToken("systemStatus")).status, 401);
	t.deepEqual(browser.errors, []);
});

const connect = () => AppClient.open(machine.websocket("/manager"));

const tokens = () => card(browser.page, "Users of the API");

async function createToken(name: string): Promise<void> {
	await browser.page.getByRole("button", { name: "API", exact: true }).click();
	const form = await unfold(tokens(), "New token");
	await form.getByLabel("What it is for").fill(name);
	await form.getByLabel("It may").selectOption("read");
	await form.getByRole("button", { name: "Make the token" }).click();
}

const bearer = () => ({ authorization: `Bearer ${token}` });

const callWithToken = (operation: string, input: object = {}) =>
	machine.fetch("https", `/manager/api/${operation}`, {
		method: "POST",
		headers: { "content-type": "application/json", ...bearer() },
		body: JSON.stringify(input),
	});
