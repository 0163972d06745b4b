import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { createLog } from "../../shared/log.ts";
import { KnownClients, maxKnown } from "./known-clients.ts";

const log = createLog("fatal");

/** Returns the path of a file in a directory that does not exist yet. */
async function newFile(t: ExecutionContext): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), "known-clients-"));
	t.teardown(() => rm(directory, { recursive: true }));
	return join(directory, "manager/known-clients.json");
}

test("a browser and an address are known after a restart, as a hash", async (t) => {
	const file = await newFile(t);
	const clients = new KnownClients(file, log);
	const token = await clients.rememberBrowser(undefined);
	await clients.rememberAddress("192.0.2.1");
	t.is(await clients.rememberBrowser(token), token);
	const restarted = new KnownClients(file, log);
	t.truthy(restarted.findBrowser(token));
	t.true(restarted.hasAddress("::ffff:192.0.2.1"));
	t.false(restarted.hasAddress("192.0.2.2"));
	t.false((await readFile(file, "utf8")).includes(token));
	t.is((await stat(file)).mode & 0o777, 0o600);
});

test("an invented token is not known and is not adopted", async (t) => {
	const clients = new KnownClients(await newFile(t), log);
	t.is(clients.findBrowser("invented"), undefined);
	t.not(await clients.rememberBrowser("invented"), "invented");
	t.is(clients.findBrowser("invented"), undefined);
});

test("the most recent are kept", async (t) => {
	const clients = new KnownClients(await newFile(t), log);
	const first = await clients.rememberBrowser(undefined);
	for (let n = 0; n < maxKnown; n += 1)
		await clients.rememberBrowser(undefined);
	t.is(clients.findBrowser(first), undefined);
});

test("a damaged file and a full disk do not prevent logins", async (t) => {
	const file = await newFile(t);
	await new KnownClients(file, log).rememberBrowser(undefined);
	await writeFile(file, '{"browsers": [');
	const clients = new KnownClients(file, log);
	t.truthy(clients.findBrowser(await clients.rememberBrowser(undefined)));
	const nowhere = new KnownClients("/dev/null/known-clients.json", log);
	t.truthy(nowhere.findBrowser(await nowhere.rememberBrowser(undefined)));
});
