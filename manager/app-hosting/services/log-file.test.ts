import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { readLogEnd } from "./log-file.ts";

test("the end of a log is whole lines, and an empty one is no error", async (t) => {
	const folder = await mkdtemp(join(tmpdir(), "app-platform-test-"));
	t.teardown(() => rm(folder, { recursive: true }));
	t.is(await readLogEnd(folder, 100), "");
	await writeFile(join(folder, "current"), "first\nsecond\nthird\n");
	t.is(await readLogEnd(folder, 100), "first\nsecond\nthird\n");
	t.is(await readLogEnd(folder, 10), "third\n");
});
