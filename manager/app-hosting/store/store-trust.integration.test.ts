import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import test from "ava";
import { makeStore, signStore } from "../../../development/make-store.ts";
import { TestAppliance } from "../../../testing/test-appliance.ts";
import description from "../../../testing/troublemaker/app.json" with {
	type: "json",
};

// Signed and unsigned stores, and people between them and the device.
const id = "troublemaker";
const appliance = await TestAppliance.create();
const { directory } = appliance.manager;
const stores = join(directory, "stores");
/** How the server answers for a missing file. */
let missing = { status: 404, page: "" };
const server = createServer(async ({ url = "" }, response) => {
	const [, location] = /^\/elsewhere(\/.*)$/.exec(url) ?? [];
	if (location) return void response.writeHead(302, { location }).end();
	const content = await readFile(join(stores, url)).catch(() => undefined);
	response.writeHead(content ? 200 : missing.status);
	response.end(content ?? missing.page);
});

/** A key pair: its secret key file and its public key. */
async function createKey(name: string) {
	const file = join(directory, `keys/${name}.key`);
	const publicFile = join(directory, `keys/${name}.pub`);
	await mkdir(join(directory, "keys"), { recursive: true });
	execFileSync("minisign", ["-G", "-W", "-p", publicFile, "-s", file]);
	const [, key = ""] = (await readFile(publicFile, "utf8")).split("\n");
	return { file, publicFile, key };
}
type Key = Awaited<ReturnType<typeof createKey>>;
const [operator, stranger, builtIn] = [
	await createKey("operator"),
	await createKey("stranger"),
	await createKey("built-in"),
];

/** Makes a store of one build with two files. */
async function offer(name: string, build: number, key?: Key): Promise<string> {
	const app = join(directory, `app-${build}`);
	const source = join(import.meta.dirname, "../../../testing", id);
	await cp(source, app, { recursive: true });
	await mkdir(join(app, "web"), { recursive: true });
	await writeFile(join(app, "web/page.txt"), "page");
	await writeFile(
		join(app, "app.json"),
		JSON.stringify({ ...description, build }),
	);
	const store = join(stores, name);
	await mkdir(store, { recursive: true });
	await makeStore([app], store);
	if (key) await signStore(store, key.file);
	return `${address}/${name}`;
}

let address = "";
test.before(async () => {
	await once(server.listen(0, "127.0.0.1"), "listening");
	address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const trusted = join(directory, "trusted");
	await mkdir(trusted);
	await cp(builtIn.publicFile, join(trusted, "1.pub"));
	appliance.environment = { MANAGER_KEYS_FOLDER: trusted };
	await appliance.start();
});
test.after.always(async () => {
	server.closeAllConnections();
	server.close();
	await appliance.remove();
});

const use = (url: string) => appliance.done("storeUrlChange", { url });
const trust = (url: string, key: string | null) =>
	appliance.done("storeTrust", { url, key });
const signature = async () => (await appliance.done("storeApps")).signature;
const installedBuild = async () =>
	(await appliance.done("services")).services[0]?.build;

async function install(input: object = {}) {
	const answer = await appliance.call("serviceInstall", { id, ...input });
	const { code, message = "" } = answer.body.error ?? {};
	return { status: answer.status, code, message };
}

async function remove(): Promise<void> {
	await appliance.done("serviceRemove", { id });
}

test.serial("a store without a signature needs an answer once", async (t) => {
	const url = await offer("unsigned", 1);
	await use(url);
	t.deepEqual(await signature(), { state: "unsigned", mayInstall: false });
	const refused = await install();
	t.like(refused, { status: 409, code: "storeUnsigned" });
	t.regex(refused.message, /whoever controls its server.* storeTrust/);
	t.is(await installedBuild(), undefined);
	await trust(`${url}/apps.json`, null);
	t.deepEqual(await signature(), { state: "unsigned", mayInstall: true });
	t.is((await install()).status, 200);
	await remove();
	// The published layout has no checksums.
	await rm(join(stores, "unsigned/1", `${id}_sha256`));
	t.regex((await install()).message, /has no .*_sha256/);
	const file = join(stores, "unsigned/apps.json");
	const catalogue = JSON.parse(await readFile(file, "utf8"));
	delete catalogue.apps[0].versions[0].sums;
	await writeFile(file, JSON.stringify(catalogue));
	t.is((await install()).status, 200);
	await remove();
	await use(`${url}-other`);
	await offer("unsigned-other", 1);
	t.is((await install()).code, "storeUnsigned");
});

test.serial(
	"servers that do not say that a file is missing have no signature",
	async (t) => {
		await use(await offer("without-404", 1));
		for (const [status, page] of [
			[403, "AccessDenied"],
			[200, `<html>${" ".repeat(10_000)}`],
		] as const) {
			missing = { status, page };
			t.like(await signature(), { state: "unsigned" });
		}
		missing = { status: 404, page: "" };
	},
);

test.serial("the key of a signed store is confirmed once", async (t) => {
	const url = await offer("signed", 1, operator);
	await use(url);
	const { key } = operator;
	t.deepEqual(await signature(), { state: "signed", mayInstall: false, key });
	const refused = await install();
	t.like(refused, { status: 409, code: "storeKeyUnknown" });
	t.true(refused.message.includes(key));
	const invalid = await appliance.call("storeTrust", { url, key: "RWshort" });
	t.is(invalid.status, 400);
	await trust(url, key);
	t.deepEqual(await signature(), {
		...{ state: "signed", mayInstall: true, key, trustedKey: key },
	});
	t.is((await install()).status, 200);
	await remove();
});

test.serial("whatever of a signed store is altered is refused", async (t) => {
	const store = join(stores, "signed");
	const damages: [file: string, content: (text: string) => string, RegExp][] = [
		["apps.json", (text) => text.replace(id, "x"), /match its signature/],
		["apps.json.minisig", (text) => text.replace("R", "S"), /match its/],
		// The attacker has the old key and a signature of nothing.
		["store.pub", () => "", /^$/],
		[`1/${id}_sha256`, (text) => text.replace(/^./, "f"), /_sha256 is damaged/],
		[`1/${id}_sha256`, (text) => `${text}\n`, /_sha256 is damaged/],
		[`1/${id}_files`, (text) => text.replace(/,.*/, ""), /lacks web\/page/],
		[`1/${id}_files`, (text) => `${text},more`, /no checksum for .*more/],
		[`1/x86_64/${id}/${id}`, (text) => `${text}//`, /checksum differs/],
		[`1/x86_64/${id}/web/page.txt`, () => "bad", /checksum differs/],
	];
	for (const [file, alter, reason] of damages) {
		const path = join(store, file);
		const text = await readFile(path, "utf8");
		await writeFile(path, alter(text));
		const { status, message } = await install();
		t.regex(message, reason, file);
		t.is(status, message === "" ? 200 : 502, file);
		await writeFile(path, text);
		if (status === 200) await remove();
	}
	for (const file of [`1/${id}_sha256`, `1/${id}_files`]) {
		const path = join(store, file);
		const text = await readFile(path);
		await rm(path);
		t.regex((await install()).message, /The store has no/);
		await writeFile(path, text);
	}
	t.is(await installedBuild(), undefined);
});

test.serial(
	"a signature that does not cover the files is refused",
	async (t) => {
		await use(await offer("signed", 1, operator));
		const file = join(stores, "signed/apps.json");
		const text = await readFile(file, "utf8");
		await writeFile(file, text.replace(/"sums": .*/, '"more": 1'));
		await signStore(join(stores, "signed"), operator.file);
		t.regex((await install()).message, /does not cover the files/);
	},
);

test.serial("a changed key is refused until it is confirmed", async (t) => {
	const url = await offer("signed", 1, stranger);
	const trustedKey = operator.key;
	t.deepEqual(await signature(), {
		...{
			state: "changedKey",
			mayInstall: false,
			key: stranger.key,
			trustedKey,
		},
	});
	const refused = await install();
	t.like(refused, { status: 409, code: "storeKeyChanged" });
	t.true(refused.message.includes(stranger.key));
	// The signature is gone.
	await offer("signed", 1);
	t.deepEqual(await signature(), {
		...{ state: "changedKey", mayInstall: false, trustedKey },
	});
	t.is((await install()).code, "storeKeyChanged");
	t.is(await installedBuild(), undefined);
	await offer("signed", 1, stranger);
	await trust(url, stranger.key);
	t.is((await install()).status, 200);
	await remove();
});

test.serial("a key of the image needs no confirmation", async (t) => {
	await use(await offer("of-the-image", 1, builtIn));
	t.like(await signature(), { mayInstall: true, trustedKey: builtIn.key });
	t.is((await install()).status, 200);
	await remove();
	await offer("of-the-image", 1);
	t.is((await install()).code, "storeKeyChanged");
});

test.serial("an old catalogue does not bring an old build back", async (t) => {
	const url = await offer("replayed", 10, operator);
	await use(url);
	await trust(url, operator.key);
	t.is((await install()).status, 200);
	await offer("replayed", 9, operator);
	const refused = await install();
	t.like(refused, { status: 409, code: "olderBuild" });
	t.regex(refused.message, /build 9 .* older than the installed build 10/);
	t.is(await installedBuild(), "10");
	t.is((await install({ allowOlder: true })).status, 200);
	t.is(await installedBuild(), "9");
	await remove();
});

test.serial("a store of the customer's network may redirect", async (t) => {
	await offer("unsigned", 1);
	await use(`${address}/elsewhere/unsigned`);
	t.is((await install()).code, "storeUnsigned");
	await trust(`${address}/elsewhere/unsigned`, null);
	t.is((await install()).status, 200);
	await remove();
});

test.serial(
	"a store that was set before stores were signed stays in use",
	async (t) => {
		const url = await offer("of-yesterday", 1);
		await use(`${url}/apps.json`);
		t.is((await install()).code, "storeUnsigned");
		await appliance.manager.query(
			`DELETE FROM config WHERE name = 'storeTrust';
			 DELETE FROM migration WHERE name = '0008-store-trust'`,
		);
		await appliance.manager.stop();
		await appliance.startManager();
		t.deepEqual(await signature(), { state: "unsigned", mayInstall: true });
		t.is((await install()).status, 200);
		await remove();
		await use(await offer("of-today", 1));
		t.is((await install()).code, "storeUnsigned");
		// Once the store is signed, its key can be confirmed.
		await offer("of-yesterday", 1, operator);
		await use(url);
		const { key } = operator;
		t.deepEqual(await signature(), { state: "signed", mayInstall: true, key });
		await trust(url, key);
		await offer("of-yesterday", 1);
		t.is((await install()).code, "storeKeyChanged");
	},
);

test.serial("a directory of the device needs no signature", async (t) => {
	await offer("local", 1);
	await use(join(stores, "local"));
	t.deepEqual(await signature(), { state: "local", mayInstall: true });
	t.is((await install()).status, 200);
	await remove();
});
