import { mkdtemp, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { readKey, readOrCreateKey } from "./key-file.ts";

test("a key is created once and only its owner can read it, a damaged key is replaced", async (t) => {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-key-"));
	t.teardown(() => rm(directory, { recursive: true }));
	const file = join(directory, "manager", "key");
	t.is(await readKey(file), undefined);
	const key = await readOrCreateKey(file);
	t.is(key.length, 32);
	t.deepEqual(await readOrCreateKey(file), key);
	t.is((await stat(file)).mode & 0o777, 0o600);
	t.is((await stat(join(directory, "manager"))).mode & 0o777, 0o700);
	await truncate(file, 5); // As a power cut may leave it.
	t.is(await readKey(file), undefined);
	t.notDeepEqual(await readOrCreateKey(file), key);
});
