import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import {
	type Browser,
	type BrowserContext,
	chromium,
	type Page,
} from "playwright-core";
import { chromiumFlags, chromiumPath } from "../../testing/browser.ts";
import { TestAppliance } from "../../testing/test-appliance.ts";

// A page of an app attacks the manager while an administrator is logged in in the same browser. Takes about two minutes:
// what must not happen is waited for.
const minute = 60_000;
const appliance = await TestAppliance.withApp(
	join(import.meta.dirname, "../../testing/hostile-app"),
);
const { port, managerPort } = appliance.webServer;
let path: string;
let browser: Browser;

test.before(async () => {
	path = await appliance.createInstance("hostile-app", "x", "hostile password");
	browser = await chromium.launch({
		executablePath: chromiumPath,
		args: [
			...chromiumFlags,
			"--host-resolver-rules=MAP *.test 127.0.0.1",
			// Without it, no service worker is registered with a self-signed certificate.
			"--ignore-certificate-errors",
		],
	});
});
test.after.always(async () => {
	await browser?.close();
	await appliance.remove();
});

interface Arrangement {
	settings: Record<string, object>;
	/** Origin of the app's page. */
	app: string;
	/** Origin of the manager's page. */
	manager: string;
}

const separate = {
	managerHostNameChange: { hostName: null },
	managerOnAppOriginChange: { isOn: false },
	dnsNameChange: { dnsName: null },
};
const byPort: Arrangement = {
	settings: separate,
	app: `https://127.0.0.1:${port}`,
	manager: `https://127.0.0.1:${managerPort}`,
};
const byName: Arrangement = {
	settings: {
		...separate,
		dnsNameChange: { dnsName: "apps.test" },
		managerHostNameChange: { hostName: "manager.test" },
	},
	app: `https://apps.test:${port}`,
	manager: `https://manager.test:${port}`,
};
const together: Arrangement = {
	settings: { ...separate, managerOnAppOriginChange: { isOn: true } },
	app: `https://127.0.0.1:${port}`,
	manager: `https://127.0.0.1:${port}`,
};

/** Of a page without a part in what the administrator does. */
const attacks = [
	"fetch",
	"blindRequests",
	"form",
	"webSocket",
	"iframe",
	"windowOpen",
	"namedWindow",
	"serviceWorkerScope",
	"serviceWorkerFetch",
	"cookies",
	"history",
];
/** What attacks have gained, by their names. */
type Gains = Record<string, unknown>;

test.serial("a port of its own: no attack gains anything", async (t) => {
	t.timeout(5 * minute);
	t.deepEqual(await attackAll(t, byPort), {});
});

test.serial("a host name of its own: no attack gains anything", async (t) => {
	t.timeout(5 * minute);
	t.deepEqual(await attackAll(t, byName), {});
});

test.serial(
	"everything on port 443, as the setting says: the same attacks succeed",
	async (t) => {
		t.timeout(5 * minute);
		const gains = await attackAll(t, together);
		const { manager } = together;
		t.deepEqual(gains, {
			fetch: [manager],
			webSocket: [manager],
			windowOpen: [manager],
			namedWindow: [manager],
			serviceWorkerFetch: [manager],
			heard: ["spoken"],
			opener: ["opener"],
			stored: ["localStorage", "indexedDB", "caches"],
			history: [manager],
		});
	},
);

/** Plants what an app can plant, logs in, and runs each attack on a fresh page of the app. */
async function attackAll(
	t: ExecutionContext,
	{ settings, app, manager }: Arrangement,
): Promise<Gains> {
	for (const [operation, input] of Object.entries(settings))
		await appliance.done(operation, input);
	const context = await browser.newContext({ ignoreHTTPSErrors: true });
	try {
		const own = [manager, withManagerPort(app)];
		// On port 443, the API answers too.
		const all = [...new Set([app, ...own])];
		const gains: Gains = {};
		const attack = async (page: Page, name: string) => {
			const gained = await page.evaluate(
				([name, origins]) =>
					(window as unknown as HostileWindow).attacks[name]?.(origins),
				[name, name === "history" ? own : all] as const,
			);
			if (gained?.length !== 0) gains[name] = gained;
		};
		const fresh = async () => {
			const page = await context.newPage();
			await page.goto(app + path);
			return page;
		};
		for (const name of ["cookies", "store"]) await attack(await fresh(), name);

		const admin = await logIn(context, app);
		t.is(new URL(admin.url()).origin, manager);
		const assertLoggedIn = async (after: string) => {
			t.true(await isLoggedIn(admin), `logged in after ${after}`);
			const { isOn } = await appliance.done("developerMode");
			t.false(isOn, `unchanged setting after ${after}`);
		};
		await assertLoggedIn("the login");
		for (const name of attacks) {
			const page = await fresh();
			await attack(page, name);
			await assertLoggedIn(name);
			await page.close();
		}

		const listener = await fresh();
		await attack(listener, "listen");
		await admin.evaluate(() =>
			new BroadcastChannel("manager").postMessage("spoken"),
		);
		await attack(listener, "heard");

		const opening = context.waitForEvent("page");
		await admin.evaluate((url) => void window.open(url), app + path);
		const opened = await opening;
		await opened.waitForLoadState();
		await attack(opened, "opener");

		const stored = await admin.evaluate(findStored);
		if (stored.length > 0) gains.stored = stored;
		await assertLoggedIn("all attacks");
		return gains;
	} finally {
		await context.close();
	}
}

interface HostileWindow {
	attacks: Record<string, (origins: readonly string[]) => Promise<string[]>>;
}

function withManagerPort(origin: string): string {
	const url = new URL(origin);
	url.port = String(managerPort);
	return url.origin;
}

/** Opens the manager at the address of the apps, as all documents say. */
async function logIn(context: BrowserContext, app: string): Promise<Page> {
	const page = await context.newPage();
	await page.goto(`${app}/manager/`);
	await page.getByLabel("Password").fill("pwd");
	await page.getByRole("button", { name: "Log in" }).click();
	await page.getByRole("button", { name: "Log out" }).waitFor();
	return page;
}

/** Asks with the cookies of the manager's page. */
function isLoggedIn(admin: Page): Promise<boolean> {
	return admin.evaluate(async () => {
		const answer = await fetch("/manager/api/session", {
			method: "POST",
			headers: { "content-type": "application/json" },
			body: "{}",
		});
		return (await answer.json()).loggedIn;
	});
}

/** Runs in the manager's page: what apps have planted there. */
async function findStored(): Promise<string[]> {
	const databases = await indexedDB.databases();
	const found = {
		localStorage: localStorage.getItem("planted") !== null,
		sessionStorage: sessionStorage.getItem("planted") !== null,
		indexedDB: databases.some(({ name }) => name === "planted"),
		caches: await caches.has("planted"),
	};
	return Object.entries(found).flatMap(([name, is]) => (is ? [name] : []));
}
