import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { readLogTail } from "./log-tail.ts";

test("a log's tail consists of whole lines, and a missing log is empty", async (t) => {
	const directory = await mkdtemp(join(tmpdir(), "app-platform-test-"));
	t.teardown(() => rm(directory, { recursive: true }));
	t.is(await readLogTail(directory, 100), "");
	await writeFile(join(directory, "current"), "first\nsecond\nthird\n");
	t.is(await readLogTail(directory, 100), "first\nsecond\nthird\n");
	t.is(await readLogTail(directory, 10), "third\n");
});
