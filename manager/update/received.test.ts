import { mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { ReceivedFile } from "./received.ts";
import type { UpdateRefused } from "./refused.ts";
import { mostUpdateBytes } from "./update-file.ts";

const first = Buffer.alloc(1_000, "a");
const second = Buffer.alloc(1_000, "b");

async function received(t: ExecutionContext) {
	const folder = await mkdtemp(join(tmpdir(), "app-platform-received-"));
	t.teardown(() => rm(folder, { recursive: true }));
	return { folder, file: new ReceivedFile(folder) };
}

test("a part that is sent again while the first is written is there once", async (t) => {
	const { file } = await received(t);
	await file.add(0, first);
	const results = await Promise.allSettled([
		file.add(1_000, second),
		file.add(1_000, second),
	]);
	t.deepEqual(
		results.map(({ status }) => status),
		["fulfilled", "rejected"],
	);
	t.deepEqual(await readFile(file.path), Buffer.concat([first, second]));
});

test("a file of 10 GB is refused where an update would end, and nothing stays", async (t) => {
	const { folder, file } = await received(t);
	await file.goOnFrom("https://store.example/update.img");
	await file.add(0, first);
	// As if all of that had come.
	await truncate(file.path, mostUpdateBytes);
	const error = await t.throwsAsync<UpdateRefused>(
		file.add(mostUpdateBytes, first),
	);
	t.is(error?.code, "tooLarge");
	t.deepEqual(await readdir(folder), []);
});

test("a download goes on with what came from the same address alone", async (t) => {
	const { folder, file } = await received(t);
	await file.goOnFrom("https://store.example/one.img");
	await file.add(0, first);
	await new ReceivedFile(folder).goOnFrom("https://store.example/one.img");
	t.is(await file.size(), 1_000);
	await file.goOnFrom("https://store.example/two.img");
	t.is(await file.size(), 0);
});
