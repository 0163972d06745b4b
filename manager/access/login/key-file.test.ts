import { mkdtemp, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { readKey, readOrMakeKey } from "./key-file.ts";

test("a key is made once, for nobody else; a damaged one is replaced", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "app-platform-key-"));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = join(folder, "manager", "key");
	t.is(await readKey(file), undefined);
	const key = await readOrMakeKey(file);
	t.is(key.length, 32);
	t.deepEqual(await readOrMakeKey(file), key);
	t.is((await stat(file)).mode & 0o777, 0o600);
	t.is((await stat(join(folder, "manager"))).mode & 0o777, 0o700);
	await truncate(file, 5); // As a power cut may leave it.
	t.is(await readKey(file), undefined);
	t.notDeepEqual(await readOrMakeKey(file), key);
});
