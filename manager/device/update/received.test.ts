import {
	mkdtemp,
	readdir,
	readFile,
	rm,
	symlink,
	truncate,
} from "node:fs/promises";
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

async function* chunks(...parts: (Buffer | Error)[]) {
	for (const part of parts) {
		if (part instanceof Error) throw part;
		yield part;
	}
}

test("an upload that is interrupted leaves what has come, and is resumed", async (t) => {
	const { file } = await received(t);
	const whole = { offset: 0, totalBytes: 2_000 };
	await t.throwsAsync(file.receive(whole, chunks(first, new Error("gone"))), {
		message: "gone",
	});
	t.is(await file.size(), 1_000);
	t.is(await file.announcedBytes(), 2_000);
	for (const [part, code] of [
		[{ offset: 500, totalBytes: 2_000 }, "wrongOffset"],
		[{ offset: 1_000, totalBytes: 2_001 }, "wrongFile"],
		[{ offset: 0, totalBytes: mostUpdateBytes + 1 }, "tooLarge"],
	] as const) {
		const error = await t.throwsAsync<UpdateRefused>(
			file.receive(part, chunks(second)),
		);
		t.is(error?.code, code);
	}
	const rest = { offset: 1_000, totalBytes: 2_000 };
	t.is(await file.receive(rest, chunks(second)), 2_000);
	t.deepEqual(await readFile(file.path), Buffer.concat([first, second]));
	// A download has nothing to do with it.
	await file.goOnFrom("https://store.example/one.img");
	t.is(await file.size(), 0);
	t.is(await file.announcedBytes(), undefined);
});

test("a full data partition is named, and nothing stays", async (t) => {
	const { folder, file } = await received(t);
	const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
	const error = await t.throwsAsync<UpdateRefused>(
		file.receive({ offset: 0, totalBytes: 2_000 }, chunks(first, full)),
	);
	t.is(
		error?.message,
		"The data partition is full: make room on /mnt/sda2 first",
	);
	t.deepEqual(await readdir(folder), []);
	await symlink("/dev/full", file.path);
	await t.throwsAsync(file.add(0, first), { message: error?.message ?? "" });
	t.deepEqual(await readdir(folder), []);
});
